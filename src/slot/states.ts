/**
 * What the engine holds of each replica when a node starts: read before the binlog is replayed, because it tells which
 * entries need no replay.
 */
import type { Engine } from '../storage/engine.js';
import { metaKey, nodeAreaRange, nodeKey, parseNodeKey } from './keys.js';
import { decodeMeta, type StateMeta } from './record.js';

export interface StoredState {
  readonly stateId: number;
  readonly meta: StateMeta;
}

export interface StoredStates {
  readonly byReplica: ReadonlyMap<number, StoredState>;
  readonly lastStateId: number;
}

export async function readStoredStates(engine: Engine): Promise<StoredStates> {
  const pointers: [replicaId: number, stateId: number][] = [];
  const cursor = engine.iterate(nodeAreaRange('state'));
  for (let page = await cursor.next(1000); page.length > 0; page = await cursor.next(1000)) {
    for (const [key, value] of page) pointers.push([parseNodeKey(key), value.readUInt32BE()]);
  }
  await cursor.close();
  const metas = await engine.getMany(pointers.map(([, stateId]) => metaKey(stateId)));
  const byReplica = new Map<number, StoredState>();
  pointers.forEach(([replicaId, stateId], i) => {
    const bytes = metas[i];
    if (bytes === undefined) throw new Error(`engine: state ${stateId} of replica ${replicaId} has no meta`);
    byReplica.set(replicaId, { stateId, meta: decodeMeta(bytes) });
  });
  const counter = await engine.get(nodeKey('counter', 0));
  return { byReplica, lastStateId: counter?.readUInt32BE() ?? 0 };
}
