/** The acting part of membership changes: which groups it looks at, how often it tries, and what it says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Memberships } from '../../src/node/memberships.js';
import type { NodeSlot } from '../../src/node/replicas.js';
import type { ConfigurationResult } from '../../src/raft/leader.js';
import type { Configuration, MemberId } from '../../src/raft/message.js';
import type { ConfigurationChange } from '../../src/raft/ready.js';
import { VirtualClock } from '../pm/virtual-env.js';
import { plain } from '../raft/network.js';

const GROUP = 7;

/** A slot as far as this part knows one; member 1, whose peers have all. */
class FakeSlot {
  readonly birth = { groupId: GROUP, tableId: 0, slot: 0, memberId: 1, voters: [1, 2, 3] };
  isLeader = true;
  configuration: Configuration = plain([1, 2, 3]);
  term = 4;
  readonly asked: string[] = [];
  roused = 0;

  constructor(private readonly clock: { monotonicMs(): number }) {}

  get status() {
    return { configuration: this.configuration, term: this.term, lastIndex: 10, transferringTo: 0 };
  }

  get raft() {
    const others = [...this.configuration.voters, ...this.configuration.learners].filter((id) => id !== 1);
    const ackedSentAtMs = this.clock.monotonicMs();
    return { peers: others.map((id) => ({ id, state: 'replicate' as const, match: 10, ackedSentAtMs })) };
  }

  rouse(): void {
    this.roused++;
  }

  transferTo(nodeId: number): boolean {
    this.asked.push(`to ${nodeId}`);
    return false;
  }

  proposeConfiguration({ add, addLearners, remove }: ConfigurationChange): ConfigurationResult {
    this.asked.push(`add ${add}; learn ${addLearners}; remove ${remove}`);
    return { kind: 'refused', why: 'busy' };
  }
}

function ground(wish: () => readonly MemberId[] | undefined) {
  const clock = new VirtualClock();
  const said: string[] = [];
  const say = (what: string, fields?: object): void => void said.push(`${what} ${JSON.stringify(fields)}`);
  const env = { ...clock.env(1).env, log: { debug: say, info: say, warn: say, error: say } };
  const slot = new FakeSlot(env);
  const settled: number[] = [];
  const memberships = new Memberships({
    env,
    replicas: { all: [slot as unknown as NodeSlot] },
    wish,
    aliveMs: 1000,
    settled: () => void settled.push(env.monotonicMs()),
  });
  memberships.start();
  return { clock, slot, said, settled, memberships };
}

test('what is not led, never wished otherwise, or as wished, is left alone', async () => {
  let wish: readonly MemberId[] | undefined;
  const { clock, slot, said, settled } = ground(() => wish);
  await clock.pass(2000);
  wish = [1, 2, 3];
  await clock.pass(2000);
  wish = [1];
  slot.isLeader = false;
  await clock.pass(2000);
  assert.deepEqual([slot.asked, said, settled], [[], [], []]);
});

test('a step that the core refuses is taken again, and the end is told once', async () => {
  const { clock, slot, settled, memberships } = ground(() => [1, 2, 3, 4]);
  await clock.pass(700);
  assert.deepEqual(slot.asked, Array(3).fill('add ; learn 4; remove '));
  slot.configuration = plain([1, 2, 3], [4]);
  await clock.pass(200);
  assert.equal(slot.asked.at(-1), 'add 4; learn ; remove ');
  slot.configuration = plain([1, 2, 3, 4]);
  await clock.pass(1000);
  assert.equal(settled.length, 1);
  const { length } = slot.asked;
  memberships.close();
  slot.configuration = plain([1, 2]);
  await clock.pass(1000);
  assert.equal(slot.asked.length, length);
});

test('handing over is tried three times a leadership; then the leader removes itself', async () => {
  const { clock, slot } = ground(() => [2, 3]);
  await clock.pass(1000);
  assert.deepEqual(slot.asked.slice(0, 4), ['to 2', 'to 2', 'to 2', 'add ; learn ; remove 1']);
  slot.term++;
  await clock.pass(200);
  assert.equal(slot.asked.at(-1), 'to 2');
});

test('why it waits is said once, and again when the reason is another one', async () => {
  const { clock, slot, said } = ground(() => [1, 2, 3, 4]);
  slot.configuration = { ...plain([1, 2, 3, 4]), votersOutgoing: [1, 2, 3] };
  await clock.pass(3000);
  assert.equal(said.length, 1);
  slot.configuration = plain([1, 4], [2, 3]);
  Object.defineProperty(slot, 'raft', { get: () => ({ peers: [] }) });
  await clock.pass(3000);
  assert.equal(said.length, 2);
});

test('a group whose members are not as wished is kept awake, and no other', async () => {
  const { clock, slot } = ground(() => [1, 2, 3, 4]);
  await clock.pass(700);
  assert.equal(slot.roused, 3);
  slot.configuration = plain([1, 2, 3, 4]);
  await clock.pass(1000);
  assert.equal(slot.roused, 3);
});
