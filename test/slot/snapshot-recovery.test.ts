/** What a start makes of marks in the binlog and pointers in the engine: a crash at any step leaves the old state or the new. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../src/random.js';
import { metaKey, nodeKey, placeOf, recordKey } from '../../src/slot/keys.js';
import { encodeMeta, type StateMeta } from '../../src/slot/record.js';
import { encodeMark } from '../../src/slot/snapshot-install.js';
import {
  finishInstalls,
  type MarkedReplica,
  readStoredStates,
  storedStateOf,
} from '../../src/slot/states.js';
import { MemoryEngine } from '../../src/storage/memory-engine.js';

const REPLICA = 5;
const configuration = { voters: [1], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };

function metaAt(appliedIndex: number, appliedTerm = 2): StateMeta {
  return { appliedIndex, appliedTerm, timeMs: 1, keys: 1, configuration };
}

function marked(index: number, stateId: number, term = 2): MarkedReplica {
  return { replicaId: REPLICA, snapshot: { index, term, mark: encodeMark(stateId) } };
}

/** States by id with their applied index; `pointed` is the replica's, the others are garbage. */
async function engineWith(states: Readonly<Record<number, number>>, pointed?: number): Promise<MemoryEngine> {
  const engine = new MemoryEngine();
  for (const [id, index] of Object.entries(states)) {
    const stateId = Number(id);
    const key = Buffer.from('k');
    const pointer = Buffer.alloc(4);
    pointer.writeUInt32BE(stateId);
    await engine.write(
      [
        { kind: 'put', key: recordKey(stateId, placeOf(key), key), value: Buffer.from('v') },
        { kind: 'put', key: metaKey(stateId), value: encodeMeta(metaAt(index)) },
        stateId === pointed
          ? { kind: 'put', key: nodeKey('state', REPLICA), value: pointer }
          : { kind: 'put', key: nodeKey('garbage', stateId), value: Buffer.alloc(0) },
      ],
      { sync: true },
    );
  }
  return engine;
}

async function restart(engine: MemoryEngine, replica: MarkedReplica) {
  const states = await readStoredStates(engine);
  const stored = await finishInstalls(engine, states, [replica]);
  const after = await readStoredStates(engine);
  const named = storedStateOf(states, replica);
  assert.deepEqual(stored.get(REPLICA), named, 'the binlog is replayed from the state that is opened');
  assert.deepEqual(after.byReplica.get(REPLICA), named, 'and the engine says so from now on');
  return { stateId: named?.stateId, index: named?.meta.appliedIndex, garbage: [...after.unnamed.keys()] };
}

test('the mark is there, the pointer is not: it follows, and the old state is garbage', async () => {
  const engine = await engineWith({ 3: 10, 4: 25 }, 3);
  assert.deepEqual(await restart(engine, marked(25, 4)), { stateId: 4, index: 25, garbage: [3] });
});

test('so it is for a replica that was never checkpointed', async () => {
  const engine = await engineWith({ 4: 25 });
  assert.deepEqual(await restart(engine, marked(25, 4)), { stateId: 4, index: 25, garbage: [] });
});

test('no mark: what was received is garbage and stays it', async () => {
  const engine = await engineWith({ 3: 10, 4: 25 }, 3);
  const found = await restart(engine, { replicaId: REPLICA, snapshot: undefined });
  assert.deepEqual(found, { stateId: 3, index: 10, garbage: [4] });
});

test('a mark that the state has left behind moves nothing, whatever id the state has by now', async () => {
  // Cleared while the snapshot was on its way: the state that came later has the lower id.
  const lower = await engineWith({ 7: 30, 9: 25 }, 7);
  assert.deepEqual(await restart(lower, marked(25, 9)), { stateId: 7, index: 30, garbage: [9] });
  const same = await engineWith({ 9: 25 }, 9);
  assert.deepEqual(await restart(same, marked(25, 9)), { stateId: 9, index: 25, garbage: [] });
});

test('a mark whose state is gone, or is another one, leaves the old state: the log tells that it is damaged', async () => {
  const gone = await engineWith({ 3: 10 }, 3);
  assert.deepEqual(await restart(gone, marked(25, 4)), { stateId: 3, index: 10, garbage: [] });
  const other = await engineWith({ 3: 10, 4: 24 }, 3);
  assert.deepEqual(await restart(other, marked(25, 4)), { stateId: 3, index: 10, garbage: [4] });
});

test('a crash while the pointer follows leaves it where it was or where it goes', async () => {
  for (let seed = 0; seed < 20; seed++) {
    const engine = await engineWith({ 3: 10, 4: 25 }, 3);
    const states = await readStoredStates(engine);
    void finishInstalls(engine, states, [marked(25, 4)]);
    const survivor = engine.crash(seededRandom(seed), (_label, run) => queueMicrotask(run));
    assert.deepEqual(await restart(survivor, marked(25, 4)), { stateId: 4, index: 25, garbage: [3] });
  }
});
