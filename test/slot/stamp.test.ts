/** Slot time: never backwards, whatever the wall clock does; at most a tenth faster or slower; steps only after a replay. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Env, silentLog } from '../../src/env.js';
import { seededRandom } from '../../src/random.js';
import { SlotClock } from '../../src/slot/stamp.js';

class TwoClocks {
  monotonic = 5000;
  wall = 1_000_000;
  readonly env: Env = {
    monotonicMs: () => this.monotonic,
    wallMs: () => this.wall,
    after: () => ({ cancel: () => {} }),
    defer: () => {},
    random: seededRandom(1),
    log: silentLog,
  };

  pass(ms: number): void {
    this.monotonic += ms;
    this.wall += ms;
  }
}

test('a new slot begins at the wall clock', () => {
  const clocks = new TwoClocks();
  assert.equal(new SlotClock(clocks.env).nowMs(), 1_000_000);
});

test('time never goes backwards, and every stamp that was seen is a floor', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(5000) }),
    fc.record({ kind: fc.constant('jump' as const), ms: fc.integer({ min: -1e9, max: 1e9 }) }),
    fc.record({ kind: fc.constant('stamp' as const), ms: fc.integer({ min: -1e6, max: 1e6 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 50 }), fc.boolean(), (steps, live) => {
      const clocks = new TwoClocks();
      const clock = new SlotClock(clocks.env);
      let floor = clock.nowMs();
      for (const { kind, ms } of steps) {
        if (kind === 'pass') clocks.pass(ms);
        if (kind === 'jump') clocks.wall += ms;
        if (kind === 'stamp') {
          const stamp = Math.max(0, floor + ms);
          clock.observe(stamp, live);
          if (stamp >= clock.lastStampMs) floor = Math.max(floor, stamp);
        }
        const now = clock.nowMs();
        assert.ok(now >= floor && Number.isInteger(now));
        floor = now;
      }
    }),
  );
});

test('a wall clock that jumps moves slot time by no more than a tenth of the time that passes', () => {
  for (const jump of [3_600_000, -3_600_000]) {
    const clocks = new TwoClocks();
    const clock = new SlotClock(clocks.env);
    clock.observe(clock.nowMs(), true);
    clocks.wall += jump;
    clocks.pass(10_000);
    const elapsed = clock.nowMs() - 1_000_000;
    assert.equal(elapsed, jump > 0 ? 11_000 : 9_000);
  }
});

test('a small difference is slewed away and then gone', () => {
  const clocks = new TwoClocks();
  const clock = new SlotClock(clocks.env);
  clock.observe(1_000_000, true);
  clocks.wall += 300;
  clocks.pass(10_000);
  assert.equal(clock.nowMs(), clocks.wall);
});

test('after a restart, and only then, time steps forward to the wall clock', () => {
  const clocks = new TwoClocks();
  const clock = new SlotClock(clocks.env);
  clock.observe(400_000, false);
  assert.equal(clock.nowMs(), 1_000_000);
  clock.observe(1_000_000, true);
  clocks.wall += 500_000;
  assert.equal(clock.nowMs(), 1_000_000);
});

test('a stamp ahead of the wall clock holds: time goes on from it', () => {
  const clocks = new TwoClocks();
  const clock = new SlotClock(clocks.env);
  clock.observe(2_000_000, false);
  clocks.pass(100);
  assert.equal(clock.nowMs(), 2_000_100);
});
