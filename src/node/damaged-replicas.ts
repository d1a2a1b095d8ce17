/**
 * The replicas here that can't prove what they hold, or what they promised: shut, never to vote or answer again.
 *
 * Each stays on the disk until its group shows that it lives without it; the placement manager is told, and wishes another member
 * on this node, which begins empty. What binlog and engine show by themselves is found again at each start. What only a reader of
 * rows has met is noted in a file: else the next start would take the replica for whole.
 */
import type { Env } from '../env.js';
import type { DamagedMember } from '../rpc/topology.js';
import { type Birth, encodeBirth, incarnationOf, nodeOf } from '../slot/birth.js';
import type { Checkpointer } from '../slot/checkpoint.js';
import type { Binlog } from '../storage/binlog.js';
import type { Files } from '../storage/files.js';
import { readJson, writeJson } from './json-files.js';
import { wishOf } from './members.js';
import type { PastMembers } from './past-members.js';
import type { GroupPlace, TopologyView } from './topology.js';

export interface DamagedReplica {
  readonly replicaId: number;
  readonly birth: Birth;
  /** For people: file, place, and what is wrong. */
  readonly why: string;
}

export const DAMAGE_FILE = 'damage.json';

interface Note {
  readonly replicaId: number;
  readonly why: string;
}

/** What was met while the node ran. The file's presence also tells the next start to look at everything. */
export class DamageNotes {
  private notes: readonly Note[] = [];
  private writing: Promise<void> = Promise.resolve();

  constructor(private readonly files: Files) {}

  async load(): Promise<void> {
    this.notes = (await readJson<readonly Note[]>(this.files, DAMAGE_FILE)) ?? [];
  }

  of(replicaId: number): string | undefined {
    return this.notes.find((note) => note.replicaId === replicaId)?.why;
  }

  add(replicaId: number, why: string): Promise<void> {
    return this.change([...this.notes, { replicaId, why }]);
  }

  /** Its tombstone is durable. */
  forget(replicaId: number): Promise<void> {
    if (this.of(replicaId) === undefined) return Promise.resolve();
    return this.change(this.notes.filter((note) => note.replicaId !== replicaId));
  }

  private change(notes: readonly Note[]): Promise<void> {
    this.notes = notes;
    this.writing = this.writing.then(async () => {
      if (this.notes.length > 0) return writeJson(this.files, DAMAGE_FILE, this.notes);
      await this.files.remove(DAMAGE_FILE);
      await this.files.syncFolder('.');
    });
    return this.writing;
  }
}

export interface DamageParts {
  readonly env: Env;
  readonly binlog: Binlog;
  readonly checkpointer: Checkpointer;
  /** Damage that was met while the node ran, kept for the next start. */
  readonly notes?: DamageNotes;
}

export class DamagedReplicas {
  private readonly byGroup = new Map<number, DamagedReplica>();

  constructor(
    private readonly parts: DamageParts,
    private readonly past: PastMembers,
  ) {}

  get all(): Iterable<DamagedReplica> {
    return this.byGroup.values();
  }

  get size(): number {
    return this.byGroup.size;
  }

  get(groupId: number): DamagedReplica | undefined {
    return this.byGroup.get(groupId);
  }

  add(replica: DamagedReplica): void {
    this.past.add(replica.birth);
    this.byGroup.set(replica.birth.groupId, replica);
    const fields = { ...placeOf(replica.birth), replicaId: replica.replicaId, damaged: replica.why };
    this.parts.env.log.error('replica is damaged and stays shut', fields);
  }

  /** Unless it is buried already. */
  async buryIfHere(replica: DamagedReplica): Promise<void> {
    if (this.get(replica.birth.groupId) === replica) await this.bury(replica);
  }

  /** Its group lives on without it, or is gone. The tombstone is durable before anything of it goes. */
  async bury({ replicaId, birth }: DamagedReplica): Promise<void> {
    const { env, binlog, checkpointer, notes } = this.parts;
    env.log.info('damaged replica removed', placeOf(birth));
    await binlog.append([{ kind: 'tombstone', replicaId, tombstone: encodeBirth(birth) }]);
    await notes?.forget(replicaId);
    this.byGroup.delete(birth.groupId);
    await checkpointer.abandon(replicaId);
  }

  /** Members on this node that are wished, and damaged or gone: others must be wished in their place. */
  lostMembers(view: TopologyView, nodeId: number): readonly DamagedMember[] {
    const lost: DamagedMember[] = [];
    for (const groupId of this.past.groupIds) {
      const group = view.place(groupId)?.group;
      const member = group && wishOf(group).find((each) => nodeOf(each) === nodeId);
      if (member === undefined || !this.past.has(groupId, member)) continue;
      const why = this.byGroup.get(groupId)?.why ?? 'its birth is not in the binlog';
      lost.push({ groupId, incarnation: incarnationOf(member), why });
    }
    return lost;
  }

  /** Throws where nothing here can go on and nobody else can help: then the operator must know at once. */
  requireHope(view: TopologyView, nodeId: number, healthy: number): void {
    const lost = withoutPeers(this.all, view, nodeId);
    for (const { birth, why } of lost)
      this.parts.env.log.error('the only copy of a slot is damaged', { ...placeOf(birth), damaged: why });
    const [first] = lost;
    if (first === undefined || healthy > 0 || lost.length < this.size) return;
    const { slot, tableId } = first.birth;
    throw new Error(
      `all ${lost.length} slots here are damaged and have no other copy; slot ${slot} of table ${tableId}: ${first.why}. ` +
        'Bring back the damaged files, or give the node an empty data-dir and drop the tables',
    );
  }
}

function placeOf({ groupId, tableId, slot }: Birth): Pick<Birth, 'groupId' | 'tableId' | 'slot'> {
  return { groupId, tableId, slot };
}

/** The only copies of their slots: nobody can rebuild them. */
function withoutPeers(
  damaged: Iterable<DamagedReplica>,
  view: TopologyView,
  nodeId: number,
): readonly DamagedReplica[] {
  return [...damaged].filter(({ birth }) => {
    const place = view.place(birth.groupId);
    const members = place === undefined ? birth.voters : wishOf(place.group);
    return members.every((member) => nodeOf(member) === nodeId);
  });
}

/** Slots of which this node is the only one that holds a copy. */
export function loneGroups(view: TopologyView, nodeId: number): readonly GroupPlace[] {
  return [...view.groups()].filter(({ group }) => {
    const wish = wishOf(group);
    return wish.length > 0 && wish.every((member) => nodeOf(member) === nodeId);
  });
}
