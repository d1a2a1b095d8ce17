/**
 * Replies equal to a real Redis', over a corpus and over seeded random sequences. A failing random run prints its seed.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { commandTable } from '../../src/commands/table.js';
import { seededRandom } from '../../src/random.js';
import type { Reply } from '../../src/resp/reply.js';
import { show, words } from '../commands/harness.js';
import { corpus } from './corpus.js';
import { exceptionFor, rowExceptions } from './exceptions.js';
import { Pair } from './pair.js';
import { randomSequence } from './random-sequence.js';

const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8];
const COMMANDS_PER_SEED = 1500;

let pair: Pair;

before(async () => {
  pair = await Pair.start();
});

after(() => pair.stop());

for (const { title, lines } of corpus) {
  test(`corpus: ${title}`, async () => {
    await pair.compare(words('flushall'), () => title);
    for (const line of lines) {
      if (exceptionFor(line) === undefined) await pair.compare(words(line), () => title);
      else await pair.both(words(line));
    }
  });
}

for (const seed of SEEDS) {
  test(`random sequence, seed ${seed}`, async () => {
    await pair.compare(words('flushall'), () => `seed ${seed}`);
    let number = 0;
    for (const argv of randomSequence(seed, COMMANDS_PER_SEED)) {
      number++;
      await pair.compare(argv, () => `seed ${seed}, command ${number}`);
    }
  });
}

test('floats of all magnitudes add up as in Redis', async () => {
  const random = seededRandom(80);
  const float = () => `${random.below(2) * 2 - 1}${random.u32()}.${random.u32()}e${random.below(60) - 40}`;
  for (let round = 0; round < 500; round++) {
    await pair.compare(words(`set f ${float()}`), () => '');
    await pair.compare(words(`incrbyfloat f ${float()}`), () => `round ${round}`);
  }
});

test('patterns of all shapes match the same keys', async () => {
  const random = seededRandom(92);
  const letters = 'ab*?[]^-\\c';
  const word = (most: number) =>
    Array.from({ length: random.below(most) }, () => letters[random.below(letters.length)]!).join('');
  await pair.compare(words('flushall'), () => '');
  for (let made = 0; made < 200; made++) await pair.compare(words(`set a${word(5)} x`), () => '');
  for (let round = 0; round < 500; round++) {
    await pair.compare([Buffer.from('keys'), Buffer.from(word(8))], () => `round ${round}`);
  }
});

test('rows have the arity, flags, categories and key positions of Redis, but for the exceptions', async () => {
  const rows = commandTable.flatMap((row) => [row, ...(row.subcommands ?? [])]);
  const differing: string[] = [];
  for (const { name } of rows) {
    const argv = words(`command info ${name}`);
    const theirs = described(await pair.theirs(argv));
    if (described(await pair.ours(argv)) !== theirs) differing.push(name);
  }
  assert.deepEqual(
    differing.filter((name) => !rowExceptions.has(name)),
    [],
  );
});

/** Name, arity, flags, first, last, step, categories; tips and key specs are told in fewer words here. */
function described(reply: Reply): string {
  assert.ok(reply.kind === 'array', show(reply));
  const [row] = reply.items;
  if (row?.kind !== 'array') return 'unknown';
  const fields = row.items.slice(0, 7).map((field) => {
    return field.kind === 'array' ? field.items.map(show).sort().join(' ') : show(field);
  });
  return fields.join(' | ');
}
