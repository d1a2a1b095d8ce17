/**
 * Entries larger than a checkpoint's batch: the batches keep their bound, and a power cut after any of them leaves the old state or
 * the new one, from which the log goes on, and in the end not a row too many.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stateMachine } from '../../src/commands/state-machine.js';
import { seededRandom } from '../../src/random.js';
import type { BodyLimits } from '../../src/slot/body.js';
import type { StateMachine } from '../../src/slot/machine.js';
import { show } from '../commands/harness.js';
import { CHECKPOINT, Home } from './home.js';
import { noLeftovers } from './leftovers.js';

const LIMITS: BodyLimits = {
  inlineEntriesMax: 4,
  inlineBytesMax: 100,
  pageBytesTarget: 128,
  stringBytesMax: 100,
  chunkBytes: 64,
};
const BATCH_BYTES = 4000;
const SETTINGS = { ...CHECKPOINT, checkpointBytesMax: BATCH_BYTES };
/** A page, its key, and what a flip holds beside pages. */
const SLACK_BYTES = 600;

const machine: StateMachine<string> = {
  read: (view, argv, ctx) => show(stateMachine.read(view, argv, ctx)),
  apply(txn, argv, ctx) {
    const { reply, failed } = stateMachine.apply(txn, argv, ctx);
    return { reply: show(reply), failed };
  },
  keys: (argv) => stateMachine.keys(argv),
};

const members = (from: number, count: number): string =>
  Array.from({ length: count }, (_, i) => `${from + i} member${from + i}`).join(' ');

/** What is there before, the entry that is larger than a batch, and what follows before the next checkpoint. */
const STORIES: readonly (readonly [name: string, ...lines: string[]])[] = [
  ['a copy', `zadd z ${members(0, 300)}`, 'copy z y', 'zrem y member7', 'zadd y 5.5 new'],
  ['a copy that is gone at once', `zadd z ${members(0, 300)}`, 'copy z y', 'del y', 'set y v'],
  [
    'growth',
    `zadd z ${members(0, 100)}`,
    `zadd z ${members(1000, 300)}`,
    'zremrangebyrank z 90 250',
    'zcard z',
  ],
  [
    'a long string',
    'set t short',
    `set t ${'x'.repeat(9000)}`,
    'setrange t 5000 mid',
    `append t ${'y'.repeat(80)}`,
  ],
  ['an append', `set t ${'x'.repeat(500)}`, `append t ${'y'.repeat(9000)}`, 'setrange t 100 mid', 'copy t z'],
  ['a gap of zeros', `set t ${'x'.repeat(150)}`, 'setrange t 9000 end', 'append t more', 'rename t z'],
];
const READS = ['zrange z 0 -1 withscores', 'zrange y 0 -1 withscores', 'get t', 'get z', 'get y'];

for (const [name, before, large, ...after] of STORIES) {
  test(`${name}: bounded batches, and any of them may be the last before a power cut`, async () => {
    const whole = await run(before!, large!, after, Number.POSITIVE_INFINITY);
    assert.ok(whole.batches.length > 2, `${whole.batches.length} batches`);
    for (const bytes of whole.batches)
      assert.ok(bytes <= BATCH_BYTES + SLACK_BYTES, `a batch of ${bytes} bytes`);
    for (let cutAfter = 0; cutAfter <= whole.batches.length; cutAfter++) {
      const cut = await run(before!, large!, after, cutAfter);
      assert.deepEqual(cut.contents, whole.contents, `cut after ${cutAfter} batches`);
    }
  });
}

/** The power is cut when so many batches of the large entry's checkpoint are in the engine. */
async function run(
  before: string,
  large: string,
  after: readonly string[],
  cutAfter: number,
): Promise<{ readonly batches: number[]; readonly contents: string[] }> {
  const home = new Home(seededRandom(3), LIMITS, machine);
  await home.open(SETTINGS);
  await append(home, before);
  await home.bag.until(home.checkpointer.round());
  home.state.evict(0);
  await append(home, large);
  const batches = watch(home);
  const round = home.checkpointer.round();
  if (cutAfter === Number.POSITIVE_INFINITY) {
    await home.bag.until(round);
    for (const line of after) await append(home, line);
  } else {
    for (let draws = 0; batches.length < cutAfter && draws < 10_000; draws++) await home.bag.draw();
    // Logged before the cut: they are replayed with the large entry.
    for (const line of after) await append(home, line);
    await home.restart(true, SETTINGS);
  }
  const found = [...batches];
  const contents: string[] = [];
  for (const line of READS) contents.push(await home.read(line));
  await noLeftovers(home);
  for (const line of READS) contents.push(await home.read(line));
  return { batches: found, contents };
}

async function append(home: Home, line: string): Promise<void> {
  const commands = [line.split(' ').map((word) => Buffer.from(word, 'latin1'))];
  await home.append({
    rules: 1,
    timeMs: 1000,
    seedHigh: 1,
    seedLow: 1,
    groups: [{ kind: 'lone', commands }],
  });
}

/** The sizes of the batches that are in the engine from now on. */
function watch(home: Home): number[] {
  const sizes: number[] = [];
  const write = home.engine.write.bind(home.engine);
  home.engine.write = async (batch, options) => {
    assert.ok(options.sync, 'each is synced: the flip leads to what went ahead');
    await write(batch, options);
    let bytes = 0;
    for (const one of batch) bytes += one.key.length + (one.kind === 'put' ? one.value.length : 0);
    sizes.push(bytes);
  };
  return sizes;
}
