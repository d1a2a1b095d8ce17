/**
 * What the engine holds of each replica when a node starts: read before the binlog is replayed, because it tells which
 * entries need no replay.
 *
 * A crash may have come between a snapshot's mark in the binlog and the pointer that follows it in the engine. The mark is
 * the truth: `finishInstalls` moves the pointer, before anything is cleared or opened. A mark whose index the pointed state
 * has reached is an old one.
 */
import { DamageError } from '../storage/damage.js';
import type { Engine, EngineWrite } from '../storage/engine.js';
import { metaKey, nodeAreaRange, nodeKey, parseNodeKey } from './keys.js';
import { decodeMeta, type StateMeta } from './record.js';
import { decodeMark, flipWrites } from './snapshot-install.js';

export interface StoredState {
  readonly stateId: number;
  readonly meta: StateMeta;
}

export interface StoredStates {
  readonly byReplica: ReadonlyMap<number, StoredState>;
  /** Whole states that no pointer names: left behind, or received and not installed. */
  readonly unnamed: ReadonlyMap<number, StoredState>;
  readonly lastStateId: number;
}

/** A replica as the binlog tells of it. */
export interface MarkedReplica {
  readonly replicaId: number;
  readonly snapshot: { readonly index: number; readonly term: number; readonly mark: Buffer } | undefined;
}

export async function readStoredStates(engine: Engine): Promise<StoredStates> {
  const pointers = (await rowsOf(engine, 'state')).map(
    ([replicaId, value]) => [replicaId, value.readUInt32BE()] as const,
  );
  const metas = await metasOf(
    engine,
    pointers.map(([, stateId]) => stateId),
  );
  const byReplica = new Map<number, StoredState>();
  for (const [replicaId, stateId] of pointers) {
    const stored = metas.get(stateId);
    if (stored === undefined)
      throw new DamageError(`engine: state ${stateId} of replica ${replicaId} has no meta`);
    byReplica.set(replicaId, stored);
  }
  const garbage = (await rowsOf(engine, 'garbage')).map(([stateId]) => stateId);
  const counter = await engine.get(nodeKey('counter', 0));
  return {
    byReplica,
    unnamed: await metasOf(engine, garbage),
    lastStateId: counter?.readUInt32BE() ?? 0,
  };
}

/** The state that the replica goes on from: its pointer's, or that of a newer mark. */
export function storedStateOf(states: StoredStates, replica: MarkedReplica): StoredState | undefined {
  const pointed = states.byReplica.get(replica.replicaId);
  const { snapshot } = replica;
  if (snapshot === undefined || snapshot.index <= (pointed?.meta.appliedIndex ?? 0)) return pointed;
  const marked = states.unnamed.get(decodeMark(snapshot.mark));
  const { appliedIndex, appliedTerm } = marked?.meta ?? { appliedIndex: 0, appliedTerm: 0 };
  // What the mark promised and the engine lost: the log starts behind the pointed state then, which damages the replica.
  return appliedIndex === snapshot.index && appliedTerm === snapshot.term ? marked : pointed;
}

/** Lets pointers follow their marks, and answers what each replica goes on from. */
export async function finishInstalls(
  engine: Engine,
  states: StoredStates,
  replicas: Iterable<MarkedReplica>,
): Promise<ReadonlyMap<number, StoredState>> {
  const byReplica = new Map(states.byReplica);
  const batch: EngineWrite[] = [];
  for (const replica of replicas) {
    const { replicaId } = replica;
    const pointed = states.byReplica.get(replicaId);
    const stored = storedStateOf(states, replica);
    if (stored === undefined || stored === pointed) continue;
    batch.push(...flipWrites(replicaId, stored.stateId, pointed === undefined ? [] : [pointed.stateId]));
    byReplica.set(replicaId, stored);
  }
  if (batch.length > 0) await engine.write(batch, { sync: true });
  return byReplica;
}

/** The highest state id that a mark names: an engine that has lost its counter must not give it out for another state. */
export function lastMarkedState(replicas: Iterable<MarkedReplica>): number {
  let last = 0;
  for (const { snapshot } of replicas)
    if (snapshot !== undefined) last = Math.max(last, decodeMark(snapshot.mark));
  return last;
}

async function rowsOf(engine: Engine, area: 'state' | 'garbage'): Promise<[id: number, value: Buffer][]> {
  const rows: [number, Buffer][] = [];
  const cursor = engine.iterate(nodeAreaRange(area));
  for (let page = await cursor.next(1000); page.length > 0; page = await cursor.next(1000)) {
    for (const [key, value] of page) rows.push([parseNodeKey(key), value]);
  }
  await cursor.close();
  return rows;
}

/** Of those states that have a meta. */
async function metasOf(engine: Engine, stateIds: readonly number[]): Promise<Map<number, StoredState>> {
  const rows = await engine.getMany(stateIds.map(metaKey));
  const found = new Map<number, StoredState>();
  stateIds.forEach((stateId, i) => {
    const bytes = rows[i];
    if (bytes !== undefined) found.set(stateId, { stateId, meta: decodeMeta(bytes) });
  });
  return found;
}
