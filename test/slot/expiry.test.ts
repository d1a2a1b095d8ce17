/** The expiry heap against the obvious list: what is due comes in order, however much of the heap is stale. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Due, type DueVerdict, ExpiryHeap } from '../../src/slot/expiry.js';

const step = fc.oneof(
  fc.record({ kind: fc.constant('set' as const), key: fc.nat(12), at: fc.nat(40) }),
  fc.record({ kind: fc.constant('persist' as const), key: fc.nat(12) }),
  fc.record({ kind: fc.constant('forget' as const), key: fc.nat(12) }),
  fc.record({ kind: fc.constant('take' as const), now: fc.nat(40), most: fc.integer({ min: 1, max: 6 }) }),
  fc.record({ kind: fc.constant('tidy' as const) }),
  fc.record({ kind: fc.constant('clear' as const) }),
);

/** Keys with their expiry as a state would know them; some of them not in memory. */
class Truth {
  readonly expiries = new Map<number, number>();
  readonly coldKeys = new Set<number>();

  readonly judge = ({ key, expireAtMs }: Due): DueVerdict => {
    if (this.coldKeys.has(key[0]!)) return 'unknown';
    return this.expiries.get(key[0]!) === expireAtMs ? 'due' : 'stale';
  };

  due(now: number, most: number): [number, number][] {
    const due = [...this.expiries].filter(([, at]) => at <= now);
    return due.sort(([a, atA], [b, atB]) => atA - atB || a - b).slice(0, most);
  }
}

test('takeDue gives the due keys, earliest first, ties by key, each once; unknown keys are named and nothing is lost', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const heap = new ExpiryHeap();
      const truth = new Truth();
      for (const one of steps) run(one, heap, truth);
      truth.coldKeys.clear();
      const all = heap.takeDue(Number.MAX_SAFE_INTEGER, Infinity, truth.judge);
      assert.deepEqual(
        all.due.map(({ key, expireAtMs }) => [key[0], expireAtMs]),
        truth.due(Infinity, Infinity),
      );
      assert.equal(heap.nextMs, Infinity);
    }),
    { numRuns: 300 },
  );
});

function run(
  one: typeof step extends fc.Arbitrary<infer Step> ? Step : never,
  heap: ExpiryHeap,
  truth: Truth,
): void {
  switch (one.kind) {
    case 'set':
      if (truth.expiries.has(one.key)) heap.removed();
      truth.expiries.set(one.key, one.at);
      truth.coldKeys.delete(one.key);
      heap.added({ key: Buffer.from([one.key]), expireAtMs: one.at });
      break;
    case 'persist':
      if (truth.expiries.delete(one.key)) heap.removed();
      truth.coldKeys.delete(one.key);
      break;
    case 'forget':
      truth.coldKeys.add(one.key);
      break;
    case 'tidy':
      heap.tidy(truth.judge);
      break;
    case 'clear':
      heap.clear();
      truth.expiries.clear();
      break;
    case 'take':
      take(one.now, one.most, heap, truth);
  }
  assert.ok(heap.nextMs <= Math.min(Infinity, ...truth.expiries.values()), 'a death would be missed');
}

function take(now: number, most: number, heap: ExpiryHeap, truth: Truth): void {
  let taken = heap.takeDue(now, most, truth.judge);
  while (taken.unknown.length > 0) {
    assert.deepEqual(taken.due, []);
    for (const { key } of taken.unknown) truth.coldKeys.delete(key[0]!);
    taken = heap.takeDue(now, most, truth.judge);
  }
  assert.deepEqual(
    taken.due.map(({ key, expireAtMs }) => [key[0], expireAtMs]),
    truth.due(now, most),
  );
  for (const { key } of taken.due) {
    truth.expiries.delete(key[0]!);
    heap.removed();
  }
}

test('a key whose expiry is moved to and fro does not make the heap grow', () => {
  const heap = new ExpiryHeap();
  const truth = new Truth();
  const held = (heap as unknown as { heap: unknown[] }).heap.length;
  assert.equal(held, 0);
  for (let round = 0; round < 20_000; round++) {
    run({ kind: 'set', key: 1, at: 20 + (round % 2) }, heap, truth);
    heap.tidy(truth.judge);
  }
  assert.ok((heap as unknown as { heap: unknown[] }).heap.length < 200);
});
