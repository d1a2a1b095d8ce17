/** Commands over several slots: how they are cut, how the answers are joined, and when the whole may be called undone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { findRow } from '../../src/commands/table.js';
import type { RouteOutcome } from '../../src/node/router.js';
import { cursorAfterSlot, merge, type Plan, planOf, scanReply } from '../../src/node/scatter.js';
import { array, bulk, error, integer, OK, type Reply } from '../../src/resp/reply.js';
import { hash14, hashRangeOfSlot, slotOfHash } from '../../src/slot/hash.js';

const SLOTS = 16;

type Parts = Plan & { kind: 'parts' };

function plan(line: string, slots = SLOTS): Plan {
  const argv = line.split(' ').map((word) => Buffer.from(word));
  return planOf(findRow(argv)!, argv, slots);
}

function parts(line: string): Parts {
  const made = plan(line);
  assert.equal(made.kind, 'parts');
  return made as Parts;
}

function slotOf(key: string): number {
  return slotOfHash(hash14(Buffer.from(key)), SLOTS);
}

function joined(line: string, outcomes: readonly RouteOutcome[]): RouteOutcome {
  return merge(findRow([Buffer.from(line.split(' ')[0]!)])!, parts(line), outcomes);
}

const done = (reply: Reply): RouteOutcome => ({ kind: 'done', replies: [reply] });
const refused: RouteOutcome = { kind: 'refused', why: 'noLeader' };
const unknown: RouteOutcome = { kind: 'unknown' };

test('keys of one slot go as they are; others only where the policy cuts', () => {
  assert.deepEqual(plan('get a'), { kind: 'one', slot: slotOf('a') });
  assert.deepEqual(plan('mset {t}a 1 {t}b 2'), { kind: 'one', slot: slotOf('{t}a') });
  assert.equal(plan('mget a b c d').kind, 'parts');
  assert.equal(plan('msetnx a 1 b 2 c 3').kind, 'crossSlot');
  assert.equal(plan('rename a b').kind, 'crossSlot');
});

test('a table of one slot never cuts', () => {
  for (const line of ['mget a b c', 'msetnx a 1 b 2', 'rename a b']) {
    assert.deepEqual(plan(line, 1), { kind: 'one', slot: 0 });
  }
});

test('MGET comes back in the order asked, keys repeated or not', () => {
  const word = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', '{a}1');
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 12 }), (keys) => {
      const line = `mget ${keys.join(' ')}`;
      if (plan(line).kind === 'one') return;
      const replies = parts(line).parts.map(({ argv }) =>
        done(array(argv.slice(1).map((key) => bulk(`v-${key}`)))),
      );
      const whole = joined(line, replies);
      assert.deepEqual(whole, done(array(keys.map((key) => bulk(`v-${key}`)))));
    }),
  );
});

test('MSET keeps pairs together, in order, so that of a key named twice the last value stands', () => {
  const { parts: made } = parts('mset a 1 b 2 {a}x 3 a 4');
  const bySlot = made.map(({ slot, argv }) => [slot, argv.map(String).join(' ')]);
  assert.deepEqual(bySlot, [
    [slotOf('a'), 'mset a 1 {a}x 3 a 4'],
    [slotOf('b'), 'mset b 2'],
  ]);
  assert.deepEqual(joined('mset a 1 b 2', [done(OK), done(OK)]), done(OK));
});

test('counts add up', () => {
  assert.deepEqual(
    joined(
      'del a b c',
      [1, 0, 1].map((count) => done(integer(count))),
    ),
    done(integer(2)),
  );
  const everywhere = parts('dbsize');
  assert.equal(everywhere.parts.length, SLOTS);
  const counted = merge(
    findRow([Buffer.from('dbsize')])!,
    everywhere,
    everywhere.parts.map(() => done(integer(3))),
  );
  assert.deepEqual(counted, done(integer(3 * SLOTS)));
});

test('KEYS asks every slot and puts all together', () => {
  const everywhere = parts('keys *');
  assert.deepEqual(
    everywhere.parts.map(({ slot }) => slot),
    Array.from({ length: SLOTS }, (_, slot) => slot),
  );
  const found = everywhere.parts.map(({ slot }) => done(array(slot % 2 === 0 ? [bulk(`${slot}`)] : [])));
  const whole = merge(findRow([Buffer.from('keys')])!, everywhere, found);
  assert.deepEqual(whole, done(array([0, 2, 4, 6, 8, 10, 12, 14].map((slot) => bulk(`${slot}`)))));
});

test('a write is called undone only if no part can have happened', () => {
  const line = 'del a b c';
  assert.deepEqual(joined(line, [refused, refused, refused]), refused);
  assert.deepEqual(joined(line, [refused, done(integer(1)), refused]), unknown);
  assert.deepEqual(joined(line, [refused, unknown, refused]), unknown);
  const mistake = done(error('ERR no'));
  assert.deepEqual(joined(line, [mistake, mistake, mistake]), mistake);
  assert.deepEqual(joined(line, [mistake, done(integer(1)), done(integer(0))]), unknown);
});

test('a read that cannot be had in one part is refused whole', () => {
  assert.deepEqual(joined('mget a b c', [done(array([OK])), refused, done(array([OK]))]), refused);
});

test('SCAN goes to the slot that its cursor is in, and from the end of one slot to the next', () => {
  assert.deepEqual(plan('scan 0'), { kind: 'scan', slot: 0 });
  for (let slot = 0; slot + 1 < SLOTS; slot++) {
    const next = cursorAfterSlot(slot, SLOTS);
    assert.deepEqual(plan(`scan ${next}`), { kind: 'scan', slot: slot + 1 });
    const justBefore = String(Number(next) - 1);
    assert.deepEqual(plan(`scan ${justBefore}`), { kind: 'scan', slot });
    assert.equal(Number(next) - 1, hashRangeOfSlot(slot + 1, SLOTS).first * 4294967296);
  }
  assert.equal(cursorAfterSlot(SLOTS - 1, SLOTS), '0');
  assert.equal(plan('scan 18446744073709551615').kind, 'scan');
  const keys = array([bulk('k')]);
  assert.deepEqual(
    scanReply(array([bulk('0'), keys]), 3, SLOTS),
    array([bulk(cursorAfterSlot(3, SLOTS)), keys]),
  );
  assert.deepEqual(scanReply(array([bulk('77'), keys]), 3, SLOTS), array([bulk('77'), keys]));
});
