/** Peers that fall silent, and those that are heard again. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pulse } from '../../src/node/pulse.js';
import { VirtualClock } from '../pm/virtual-env.js';

class Stand {
  readonly clock = new VirtualClock();
  readonly events: string[] = [];
  readonly pulse = new Pulse(
    this.clock.env(1).env,
    { pulseMs: 300, peerSilenceMs: 1500 },
    {
      beat: () => void this.events.push('beat'),
      onGone: (peer) => void this.events.push(`${peer} gone`),
      onBack: (peer) => void this.events.push(`${peer} back`),
    },
  );

  take(): string[] {
    return this.events.splice(0).filter((event) => event !== 'beat');
  }
}

test('a word goes to the peers at every beat', async () => {
  const stand = new Stand();
  stand.pulse.start();
  await stand.clock.pass(1000);
  assert.deepEqual(stand.events, ['beat', 'beat', 'beat']);
});

test('a connected peer that says nothing is gone, and back with its next word', async () => {
  const stand = new Stand();
  stand.pulse.start();
  stand.pulse.connected(2);
  stand.pulse.connected(3);
  for (let at = 0; at < 10; at++) {
    await stand.clock.pass(300);
    stand.pulse.heard(3);
  }
  assert.deepEqual(stand.take(), ['2 back', '3 back', '2 gone']);
  assert(!stand.pulse.isReachable(2) && stand.pulse.isReachable(3));
  assert.equal(stand.pulse.reachableCount, 1);
  stand.pulse.heard(2);
  assert.deepEqual(stand.take(), ['2 back']);
  assert(stand.pulse.isReachable(2));
});

test('a broken connection is told at once, also of a peer that was silent already', async () => {
  const stand = new Stand();
  stand.pulse.start();
  stand.pulse.connected(2);
  await stand.clock.pass(2000);
  stand.pulse.disconnected(2);
  assert.deepEqual(stand.take(), ['2 back', '2 gone', '2 gone']);
  stand.pulse.heard(2);
  assert.deepEqual(stand.take(), [], 'a late word over the old connection');
  stand.pulse.connected(2);
  assert(stand.pulse.isReachable(2));
});

test('a node that was stopped itself listens anew before it judges', async () => {
  const stand = new Stand();
  let lateMs = 0;
  const env = { ...stand.clock.env(1).env };
  const now = env.monotonicMs;
  env.monotonicMs = () => now() + lateMs;
  const gone: number[] = [];
  const pulse = new Pulse(
    env,
    { pulseMs: 300, peerSilenceMs: 1500 },
    {
      beat: () => {},
      onGone: (peer) => void gone.push(peer),
      onBack: () => {},
    },
  );
  pulse.start();
  pulse.connected(2);
  lateMs = 60_000;
  await stand.clock.pass(1200);
  assert.deepEqual(gone, []);
  await stand.clock.pass(900);
  assert.deepEqual(gone, [2]);
});

test('after close there is no beat', async () => {
  const stand = new Stand();
  stand.pulse.start();
  stand.pulse.close();
  await stand.clock.pass(1000);
  assert.deepEqual(stand.events, []);
});
