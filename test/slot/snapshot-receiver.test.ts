/** A snapshot on its way in, message by message: what it refuses, what it leaves behind, and when it is installed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Checkpointer } from '../../src/slot/checkpoint.js';
import { metaKey, nodeAreaRange, parseNodeKey, stateRange } from '../../src/slot/keys.js';
import type { SnapshotAck, SnapshotMessage } from '../../src/slot/snapshot-codec.js';
import type { InstallOutcome, ReceivedSnapshot } from '../../src/slot/snapshot-install.js';
import { RECEIVED_CHUNKS_MAX, SnapshotReceiver } from '../../src/slot/snapshot-receiver.js';
import { RowCutter } from '../../src/slot/snapshot-rows.js';
import type { EngineRange } from '../../src/storage/engine.js';
import { MemoryEngine } from '../../src/storage/memory-engine.js';
import { VirtualClock } from '../pm/virtual-env.js';
import { CHECKPOINT } from './home.js';

const transferId = 't';
const configuration = { voters: [1], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
const meta = { appliedIndex: 9, appliedTerm: 2, timeMs: 1, keys: 2, configuration };
const SILENCE_MS = 1000;

class Stand {
  readonly clock = new VirtualClock();
  readonly engine = new MemoryEngine((_label, run) => {
    if (this.stuck) this.pending.push(run);
    else queueMicrotask(run);
  });
  readonly acks: string[] = [];
  readonly installed: ReceivedSnapshot[] = [];
  readonly checkpointer: Checkpointer;
  readonly receiver: SnapshotReceiver;
  readonly over: Promise<boolean>;
  outcome: InstallOutcome = 'installed';
  diskLow = false;
  /** The engine does nothing until it is `unstuck`. */
  stuck = false;
  private readonly pending: (() => void)[] = [];

  constructor() {
    const { env } = this.clock.env(1);
    this.checkpointer = new Checkpointer(env, this.engine, CHECKPOINT, 0, (why) => assert.fail(String(why)));
    this.receiver = new SnapshotReceiver({
      env,
      engine: this.engine,
      checkpointer: this.checkpointer,
      silenceMs: SILENCE_MS,
      begin: { kind: 'begin', transferId, groupId: 1, from: 1, to: 2, term: 3, meta },
      answer: (ack) => void this.acks.push(words(ack)),
      diskLow: () => this.diskLow,
      install: async (snapshot) => {
        if (this.outcome === 'installed') this.installed.push(snapshot);
        return this.outcome;
      },
    });
    this.over = this.receiver.run();
  }

  async take(...messages: readonly SnapshotMessage[]): Promise<void> {
    for (const message of messages) {
      this.receiver.take(message);
      await this.clock.pass(0);
    }
  }

  unstick(): void {
    this.stuck = false;
    for (const run of this.pending.splice(0)) run();
  }

  async rows(range: EngineRange): Promise<Buffer[]> {
    const cursor = this.engine.iterate(range);
    return (await cursor.next(1000)).map(([key]) => key);
  }

  /** What is left of a failed transfer goes with the next checkpoints, and all of it. */
  async assertNothingLeft(): Promise<void> {
    assert.equal(await this.over, false);
    await this.clock.settle(this.checkpointer.round());
    assert.deepEqual(await this.rows(nodeAreaRange('garbage')), []);
    assert.deepEqual(await this.rows({ from: stateRange(1).from, to: stateRange(9).to }), []);
  }
}

function words(ack: SnapshotAck): string {
  if (ack.kind === 'written') return `written ${ack.sequence}`;
  return ack.kind === 'refused' ? `refused: ${ack.why}` : ack.kind;
}

function stream(): {
  readonly chunks: SnapshotMessage[];
  readonly end: Extract<SnapshotMessage, { kind: 'end' }>;
} {
  const cutter = new RowCutter(10);
  for (const key of ['aaaaaaa', 'bbbbbbb'])
    cutter.add({ key: Buffer.from(key), value: Buffer.from(`of ${key}`) });
  const chunks = [...cutter.take(true)].map((bytes, i): SnapshotMessage => {
    return { kind: 'chunk', transferId, sequence: i + 1, bytes };
  });
  const { rows, checksum } = cutter;
  return { chunks, end: { kind: 'end', transferId, sequence: chunks.length, rows, checksum } };
}

test('its id is garbage on disk before the first row, rows come, the meta last; then it is installed', async () => {
  const stand = new Stand();
  await stand.clock.pass(0);
  assert.deepEqual(stand.acks, ['written 0']);
  const [garbage] = await stand.rows(nodeAreaRange('garbage'));
  const stateId = parseNodeKey(garbage!);
  const { chunks, end } = stream();
  await stand.take(...chunks);
  assert.equal(stand.acks.at(-1), `written ${chunks.length}`);
  assert.equal((await stand.rows(stateRange(stateId))).length, 2);
  // Rounds of checkpoints meanwhile must leave it alone.
  await stand.clock.settle(stand.checkpointer.round());
  assert.equal((await stand.rows(stateRange(stateId))).length, 2);
  await stand.take(end);
  assert.equal(await stand.over, true);
  assert.equal(stand.acks.at(-1), 'installed');
  const [snapshot] = stand.installed;
  assert.deepEqual([snapshot!.stateId, snapshot!.term, snapshot!.meta], [stateId, 3, meta]);
  assert.ok((await stand.rows(stateRange(stateId))).at(-1)!.equals(metaKey(stateId)));
});

test('what does not follow, or does not add up, ends it, and nothing of it stays', async () => {
  const { chunks, end } = stream();
  const wrong: Readonly<Record<string, readonly SnapshotMessage[]>> = {
    'a gap': [chunks[0]!, chunks[2]!],
    'twice the same': [chunks[0]!, chunks[0]!],
    'an early end': [...chunks.slice(0, -1), end],
    'a chunk less': [...chunks.slice(0, -1), { ...end, sequence: chunks.length - 1 }],
    'a chunk after the end': [
      ...chunks,
      { ...end, rows: 3 },
      { ...chunks[0]!, sequence: chunks.length + 1 } as never,
    ],
    'another count': [...chunks, { ...end, rows: 3 }],
    'another checksum': [...chunks, { ...end, checksum: end.checksum + 1 }],
    'no rows at all': [{ kind: 'chunk', transferId, sequence: 1, bytes: Buffer.alloc(8) }],
    'given up': [chunks[0]!, { kind: 'cancel', transferId }],
  };
  for (const [name, messages] of Object.entries(wrong)) {
    const stand = new Stand();
    await stand.clock.pass(0);
    await stand.take(...messages);
    assert.match(stand.acks.at(-1)!, /^refused/, name);
    assert.deepEqual(stand.installed, [], name);
    await stand.assertNothingLeft();
  }
});

test('silence ends it; a sign of life does not', async () => {
  const stand = new Stand();
  const { chunks } = stream();
  for (const chunk of chunks) {
    await stand.clock.pass(SILENCE_MS * 0.9);
    await stand.take(chunk);
  }
  assert.equal(stand.acks.at(-1), `written ${chunks.length}`);
  await stand.clock.pass(SILENCE_MS * 2);
  assert.equal(stand.acks.at(-1), 'refused: nothing heard');
  await stand.assertNothingLeft();
});

test('while a complete state waits for the disk its sender is told again and again that it lives', async () => {
  const stand = new Stand();
  await stand.clock.pass(0);
  const { chunks, end } = stream();
  await stand.take(...chunks);
  stand.stuck = true;
  await stand.take(end);
  const before = stand.acks.length;
  await stand.clock.pass(SILENCE_MS * 3);
  assert.ok(stand.acks.length >= before + 3);
  assert.equal(stand.acks.at(-1), `written ${chunks.length}`);
  stand.unstick();
  await stand.clock.pass(SILENCE_MS);
  assert.equal(await stand.over, true);
});

test('a sender that ignores its window is cut off', async () => {
  const stand = new Stand();
  await stand.clock.pass(0);
  stand.stuck = true;
  for (let sequence = 1; sequence <= RECEIVED_CHUNKS_MAX + 1; sequence++) {
    stand.receiver.take({ kind: 'chunk', transferId, sequence, bytes: Buffer.alloc(1) });
  }
  assert.match(stand.acks.at(-1)!, /^refused: chunk/);
  stand.unstick();
  await stand.assertNothingLeft();
});

test('a write that is under way when it ends is waited for: its rows must not come after the clearing', async () => {
  const stand = new Stand();
  await stand.clock.pass(0);
  const { chunks } = stream();
  stand.stuck = true;
  await stand.take(...chunks.slice(0, 3));
  stand.receiver.cancel('enough');
  let over = false;
  void stand.over.then(() => {
    over = true;
  });
  await stand.clock.pass(10);
  assert.equal(over, false);
  stand.unstick();
  await stand.clock.pass(10);
  await stand.assertNothingLeft();
});

test('a disk that fills up, and a replica that needs it no more, end it too', async () => {
  const full = new Stand();
  await full.clock.pass(0);
  full.diskLow = true;
  await full.take(...stream().chunks.slice(0, 1));
  assert.equal(full.acks.at(-1), 'refused: the disk is nearly full');
  await full.assertNothingLeft();
  const late = new Stand();
  await late.clock.pass(0);
  late.outcome = 'unwanted';
  const { chunks, end } = stream();
  await late.take(...chunks, end);
  assert.equal(late.acks.at(-1), 'refused: no longer needed');
  await late.assertNothingLeft();
});

test('it is installed in a turn of its own: no checkpoint is under way, and none begins', async () => {
  const stand = new Stand();
  await stand.clock.pass(0);
  const { chunks, end } = stream();
  let done: () => void = () => {};
  void stand.checkpointer.alone(
    () =>
      new Promise<void>((resolve) => {
        done = resolve;
      }),
  );
  await stand.take(...chunks, end);
  await stand.clock.pass(SILENCE_MS * 3);
  assert.deepEqual([stand.installed, stand.receiver.isInstalling], [[], true]);
  stand.receiver.cancel('too late for that');
  done();
  assert.equal(await stand.over, true);
});

test('what a closing node leaves to its next start survives the last checkpoint of this one', async () => {
  const stand = new Stand();
  await stand.clock.pass(0);
  stand.outcome = 'left';
  const { chunks, end } = stream();
  await stand.take(...chunks, end);
  assert.equal(await stand.over, false);
  await stand.clock.settle(stand.checkpointer.round());
  const [garbage] = await stand.rows(nodeAreaRange('garbage'));
  assert.equal((await stand.rows(stateRange(parseNodeKey(garbage!)))).length, 3);
});
