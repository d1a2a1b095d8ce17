/**
 * A binlog's life with power cuts: a random script of appends (synced at once or later), cuts, votes, snapshots, deaths and purges, a
 * crash at one given effect,
 * then recovery, compared with the model; again and again on what survived.
 *
 * The rule: after a crash the log is exactly the state after some record, and that record is at or after the last one that was
 * acknowledged.
 */
import assert from 'node:assert/strict';
import { type Random, seededRandom } from '../../src/random.js';
import type { Binlog, BinlogRecord, ReplicaId } from '../../src/storage/binlog.js';
import type { ReplicaIdentity } from '../../src/storage/binlog-recovery.js';
import { type CrashMode, SimFiles } from '../sim/sim-files.js';
import {
  afterRecord,
  append,
  birth,
  difference,
  hardState,
  type ModelReplica,
  type ModelState,
  open,
  run,
} from './log-model.js';

const SMALL = { segmentBytes: 600, binlogBytesMax: 1500 };

export interface Life {
  readonly files: SimFiles;
  readonly state: ModelState;
  /** What the engine holds, synced: it survives on its own. */
  readonly applied: ReadonlyMap<ReplicaId, number>;
}

export interface LifeEnd extends Life {
  /** False: the script ended before the effect at which to crash. */
  readonly crashed: boolean;
}

export function newLife(): Life {
  return { files: new SimFiles(), state: new Map(), applied: new Map() };
}

/** Opens the log, checks it, runs the script, crashes at effect number `crashAt`, and checks what a restart finds. */
export async function live(life: Life, seed: number, crashAt: number, mode: CrashMode): Promise<LifeEnd> {
  const random = seededRandom(seed);
  let effects = 0;
  let stop: () => void = () => {};
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  const files = life.files.incarnation((_label, act) => {
    effects += 1;
    if (effects === crashAt) stop();
    if (effects < crashAt) queueMicrotask(act);
  });
  const script = new Script(life, random);
  const finished = script.play(files).then(() => true);
  const crashed = !(await Promise.race([finished, stopped.then(() => false)]));
  files.crash(seededRandom(seed, crashAt), mode);
  return { ...(await script.judge(files)), crashed };
}

class Script {
  /** Every state that a crash may leave; the first is the last one acknowledged. */
  private possible: ModelState[];
  private readonly applied: Map<ReplicaId, number>;

  constructor(
    life: Life,
    private readonly random: Random,
  ) {
    this.possible = [life.state];
    this.applied = new Map(life.applied);
  }

  async play(files: SimFiles): Promise<void> {
    const { binlog, replicas } = await open(files, this.appliedIndexOf, SMALL);
    for (const found of replicas.values()) assert.equal(found.damaged, undefined);
    const pending: Promise<void>[] = [];
    for (let step = 0; step < 60; step++) {
      this.release(binlog);
      if (this.random.below(6) === 0) pending.push(binlog.sampleSpace().then(() => binlog.purge()));
      else if (this.random.below(8) === 0) pending.push(binlog.sync());
      else pending.push(this.append(binlog));
      if (this.random.below(3) === 0) await Promise.all(pending.splice(0));
    }
    await Promise.all(pending);
    await binlog.close();
  }

  /** Finds the state that was recovered among those that are allowed. */
  async judge(dead: SimFiles): Promise<Life> {
    const files = dead.incarnation((_label, act) => queueMicrotask(act));
    const needed = (id: ReplicaId): number => this.applied.get(id) ?? 0;
    const opened = await open(files, this.appliedIndexOf, SMALL);
    const differences = this.possible.map((state) => difference(opened, state, needed));
    const at = differences.lastIndexOf(undefined);
    assert.ok(
      at >= 0,
      `none of ${differences.length} allowed states; the last acknowledged: ${differences[0]}`,
    );
    assert.deepEqual(opened.damage, []);
    files.kill();
    return { files: files.incarnation(), state: this.possible[at]!, applied: this.applied };
  }

  /** A mark names a state of its own, which holds what the mark says; without it the old state counts. */
  private readonly appliedIndexOf = ({ replicaId, snapshot }: ReplicaIdentity): number =>
    Math.max(this.applied.get(replicaId) ?? 0, snapshot?.index ?? 0);

  private get state(): ModelState {
    return this.possible[this.possible.length - 1]!;
  }

  private async append(binlog: Binlog): Promise<void> {
    const records = Array.from({ length: 1 + this.random.below(3) }, () => this.record(binlog));
    const lazy = records.every(({ kind }) => kind === 'hardState') && this.random.below(2) === 0;
    const reached = this.state;
    const durable = (): void => {
      this.possible = this.possible.slice(this.possible.indexOf(reached));
    };
    if (!lazy && this.random.below(3) === 0) {
      const appended = binlog.appendUnsynced(records);
      void appended.durable.then(durable);
      return appended.written;
    }
    const done = binlog.append(records, { lazy });
    if (lazy) return;
    await done;
    durable();
  }

  private record(binlog: Binlog): BinlogRecord {
    const record = this.choose(binlog);
    this.possible.push(afterRecord(this.state, record));
    return record;
  }

  private choose(binlog: Binlog): BinlogRecord {
    const living = [...this.state].filter(([, replica]) => replica.tombstone === undefined);
    const one = living[this.random.below(Math.max(1, living.length))];
    if (one === undefined || (living.length < 4 && this.random.below(8) === 0)) {
      // Ids follow the log's own counter, and two of one append must differ.
      return birth(1 + Math.max(binlog.lastReplicaId, ...this.state.keys(), 0));
    }
    const [id, replica] = one;
    const dice = this.random.below(100);
    if (dice < 3) return { kind: 'tombstone', replicaId: id, tombstone: Buffer.from(`end of ${id}`) };
    if (dice < 8) return this.snapshot(id, replica);
    if (dice < 12) return { kind: 'led', replicaId: id, terms: [replica.term, replica.term + 3] };
    if (dice < 30) return hardState(id, replica.term + 1, this.random.below(9) * 2 ** 40);
    return this.entries(id, replica);
  }

  private entries(id: ReplicaId, replica: ModelReplica): BinlogRecord {
    const last = lastOf(replica);
    const from = Math.max(this.applied.get(id) ?? 0, replica.startIndex);
    const cut = this.random.below(4) === 0 ? this.random.below(last - from + 1) : 0;
    const first = last - cut + 1;
    const term = (replica.entries.at(-1)?.term ?? 0) + (cut > 0 || this.random.below(5) === 0 ? 1 : 0);
    return append(
      id,
      run(first, first + this.random.below(4), Math.max(1, term), 'x'.repeat(this.random.below(60))),
    );
  }

  private snapshot(id: ReplicaId, replica: ModelReplica): BinlogRecord {
    const from = Math.max(this.applied.get(id) ?? 0, replica.startIndex);
    const index = from + 1 + this.random.below(lastOf(replica) - from + 5);
    const kept = replica.entries.find((each) => each.index === index);
    const newest = replica.entries.at(-1)?.term ?? 0;
    const term = kept !== undefined && this.random.below(2) === 0 ? kept.term : newest + 1;
    return { kind: 'snapshot', replicaId: id, index, term, mark: Buffer.from(`${id} at ${index}`) };
  }

  /** Entries are applied, checkpointed and released only once durable: at or below what every allowed state has. */
  private release(binlog: Binlog): void {
    const acknowledged = this.possible[0]!;
    for (const [id, replica] of acknowledged) {
      const isSame = this.state.get(id)?.mark === replica.mark && this.state.get(id)?.tombstone === undefined;
      if (!isSame || this.random.below(3) !== 0) continue;
      const agreed = this.possible.map((state) => commonLast(replica, state.get(id)!));
      const before = Math.max(this.applied.get(id) ?? 0, replica.startIndex);
      const next = Math.min(...agreed);
      if (next <= before) continue;
      this.applied.set(id, next);
      binlog.release(id, next);
    }
  }
}

function lastOf(replica: ModelReplica): number {
  return replica.entries.at(-1)?.index ?? replica.startIndex;
}

/** The last entry up to which both have the same log. */
function commonLast(a: ModelReplica, b: ModelReplica): number {
  let last = a.startIndex;
  for (const [i, entry] of a.entries.entries()) {
    if (b.entries[i]?.term !== entry.term) break;
    last = entry.index;
  }
  return last;
}
