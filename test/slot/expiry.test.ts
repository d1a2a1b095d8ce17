/** The expiry window against the obvious list: what is due comes in order, however little of it is in memory, however much is stale. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Due, type DueVerdict, ExpiryWindow } from '../../src/slot/expiry.js';

const step = fc.oneof(
  fc.record({ kind: fc.constant('set' as const), key: fc.nat(12), at: fc.nat(40) }),
  fc.record({ kind: fc.constant('persist' as const), key: fc.nat(12) }),
  fc.record({ kind: fc.constant('forget' as const), key: fc.nat(12) }),
  fc.record({ kind: fc.constant('take' as const), now: fc.nat(40), most: fc.integer({ min: 1, max: 6 }) }),
  fc.record({ kind: fc.constant('tidy' as const) }),
  fc.record({ kind: fc.constant('load' as const), written: fc.boolean() }),
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

/** So few that most of twelve keys are behind the horizon. */
const KEPT = 2;

test('takeDue gives the due keys, earliest first, ties by key, each once; unknown keys are named and nothing is lost', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const heap = new ExpiryWindow(true, KEPT);
      const truth = new Truth();
      for (const one of steps) run(one, heap, truth);
      take(Number.MAX_SAFE_INTEGER, Infinity, heap, truth);
      assert.equal(heap.nextMs, Infinity);
    }),
    { numRuns: 300 },
  );
});

function run(
  one: typeof step extends fc.Arbitrary<infer Step> ? Step : never,
  heap: ExpiryWindow,
  truth: Truth,
): void {
  switch (one.kind) {
    case 'set':
      truth.expiries.set(one.key, one.at);
      truth.coldKeys.delete(one.key);
      heap.added({ key: Buffer.from([one.key]), expireAtMs: one.at });
      break;
    case 'persist':
      truth.expiries.delete(one.key);
      truth.coldKeys.delete(one.key);
      break;
    case 'forget':
      truth.coldKeys.add(one.key);
      break;
    case 'tidy':
      heap.tidy(truth.judge);
      break;
    case 'load':
      load(heap, truth, one.written);
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

function take(now: number, most: number, heap: ExpiryWindow, truth: Truth): void {
  let taken = heap.takeDue(now, most, truth.judge);
  while (taken.unknown.length > 0 || taken.behind) {
    assert.deepEqual(taken.due, []);
    if (taken.behind) load(heap, truth, true);
    for (const { key } of taken.unknown) truth.coldKeys.delete(key[0]!);
    taken = heap.takeDue(now, most, truth.judge);
  }
  assert.deepEqual(
    taken.due.map(({ key, expireAtMs }) => [key[0], expireAtMs]),
    truth.due(now, most),
  );
  for (const { key } of taken.due) truth.expiries.delete(key[0]!);
}

/** As a state does: the next part of what is written, and all that is not. */
function load(heap: ExpiryWindow, truth: Truth, written: boolean): void {
  const { horizon } = heap;
  if (horizon === undefined) return;
  const all = truth
    .due(Infinity, Infinity)
    .map(([key, expireAtMs]): Due => ({ key: Buffer.from([key]), expireAtMs }));
  const isBefore = (due: Due): boolean =>
    due.expireAtMs < horizon.expireAtMs ||
    (due.expireAtMs === horizon.expireAtMs && Buffer.compare(due.key, horizon.key) < 0);
  const rest = written ? all.filter((due) => !isBefore(due)) : [];
  heap.extend(rest.slice(0, KEPT), rest[KEPT], all);
}

test('memory holds a bounded number of expiries, however many there are and however often they are moved', () => {
  const window = new ExpiryWindow(true, 64);
  const truth = new Truth();
  const held = (): number => (window as unknown as { heap: unknown[] }).heap.length;
  assert.equal(held(), 0);
  for (let round = 0; round < 20_000; round++) {
    run({ kind: 'set', key: round % 100, at: 20 + ((round * 7) % 1000) }, window, truth);
    assert.ok(held() <= 129);
  }
  assert.notEqual(window.horizon, undefined);
});
