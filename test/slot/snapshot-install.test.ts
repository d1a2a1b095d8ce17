/** The commit point of a snapshot and what may come before and after it, step by step. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ExpiryWindow } from '../../src/slot/expiry.js';
import { nodeAreaRange, nodeKey, parseNodeKey } from '../../src/slot/keys.js';
import { decodeMark, Installs, type ReceivedSnapshot } from '../../src/slot/snapshot-install.js';
import type { BinlogRecord } from '../../src/storage/binlog.js';
import { MemoryEngine } from '../../src/storage/memory-engine.js';

const REPLICA = 5;
const configuration = { voters: [1], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
const SNAPSHOT: ReceivedSnapshot = {
  term: 3,
  stateId: 8,
  meta: { appliedIndex: 9, appliedTerm: 2, timeMs: 1, keys: 2, configuration },
  expiry: new ExpiryWindow(true),
};

class Stand {
  readonly engine = new MemoryEngine();
  readonly events: string[] = [];
  readonly records: BinlogRecord[] = [];
  readonly afterSave: (() => void)[] = [];
  wanted = true;
  midEntry = false;
  readonly installs = new Installs(this.engine, {
    replicaId: REPLICA,
    wants: () => this.wanted,
    isMidEntry: () => this.midEntry,
    leftBehind: () => [3, 4],
    switchTo: () => void this.events.push('switched'),
    wake: () => void this.events.push('woken'),
    fatal: (why) => assert.fail(String(why)),
  });

  turn(): void {
    this.installs.turn(this.records, this.afterSave);
  }

  async saved(): Promise<void> {
    for (const done of this.afterSave.splice(0)) done();
    await new Promise((resolve) => setImmediate(resolve));
  }

  async garbage(): Promise<number[]> {
    const rows = await this.engine.iterate(nodeAreaRange('garbage')).next(10);
    return rows.map(([key]) => parseNodeKey(key));
  }

  pointer(): Promise<Buffer | undefined> {
    return this.engine.get(nodeKey('state', REPLICA));
  }
}

test('the mark, saved; then the pointer, on disk; then memory', async () => {
  const stand = new Stand();
  await stand.engine.write([{ kind: 'put', key: nodeKey('garbage', 8), value: Buffer.alloc(0) }], {
    sync: true,
  });
  const done = stand.installs.put(SNAPSHOT);
  assert.deepEqual([stand.installs.waiting, stand.installs.deaf, stand.events], [true, false, ['woken']]);
  stand.turn();
  const [mark] = stand.records;
  assert.ok(mark?.kind === 'snapshot');
  assert.deepEqual([mark.replicaId, mark.index, mark.term, decodeMark(mark.mark)], [REPLICA, 9, 2, 8]);
  assert.equal(stand.installs.deaf, true);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(await stand.pointer(), undefined, 'not before the mark is durable');
  stand.turn();
  assert.equal(stand.records.length, 1, 'once');
  await stand.saved();
  assert.equal(await done, 'installed');
  assert.equal((await stand.pointer())?.readUInt32BE(), 8);
  assert.deepEqual(await stand.garbage(), [3, 4]);
  assert.deepEqual(stand.events, ['woken', 'switched', 'woken']);
  assert.deepEqual([stand.installs.waiting, stand.installs.deaf], [false, false]);
});

test('not in the middle of an entry; and not when it is no longer wanted', async () => {
  const stand = new Stand();
  stand.midEntry = true;
  const done = stand.installs.put(SNAPSHOT);
  stand.turn();
  assert.deepEqual([stand.records.length, stand.installs.waiting], [0, true]);
  stand.wanted = false;
  stand.midEntry = false;
  stand.turn();
  assert.equal(await done, 'unwanted');
  assert.deepEqual([stand.records.length, stand.installs.waiting], [0, false]);
});

test('closed before its turn, nothing has happened; closed past the mark, the replica stays deaf and the start does the rest', async () => {
  const before = new Stand();
  const never = before.installs.put(SNAPSHOT);
  before.installs.close();
  assert.equal(await never, 'unwanted');
  before.turn();
  assert.equal(before.records.length, 0);
  assert.equal(await before.installs.put(SNAPSHOT), 'unwanted', 'nor is one taken later');

  const after = new Stand();
  const left = after.installs.put(SNAPSHOT);
  after.turn();
  after.installs.close();
  assert.equal(await left, 'left');
  await after.saved();
  assert.equal(await after.pointer(), undefined);
  assert.equal(after.installs.deaf, true);
  assert.deepEqual(after.events.includes('switched'), false);
});

test('closed while the pointer moves: it ends first', async () => {
  const stand = new Stand();
  const done = stand.installs.put(SNAPSHOT);
  stand.turn();
  for (const saved of stand.afterSave) saved();
  stand.installs.close();
  assert.equal(await done, 'installed');
  assert.equal((await stand.pointer())?.readUInt32BE(), 8);
});
