/**
 * A story that passes every failpoint, to be crashed at each effect on a disk.
 *
 * Three machines, one slot, segments of a kilobyte and a log of three. Collections get large and are deleted, overwritten and expire, so that
 * pages are reclaimed; FLUSHALL moves to another state; the log rolls and is purged, entries are carried forward; and a machine that was
 * away comes back by a snapshot.
 */
import { QUIET_WORLD, type Story, say } from '../sim/crash-script.js';
import { healed } from '../sim/simulate.js';
import type { Command, Workload } from '../sim/workload.js';
import type { World } from '../sim/world.js';

const CHECKPOINT_US = 20_000;
/** Nodes look at their disks, and purge, every two seconds. */
const PURGE_US = 2_100_000;
/** Beyond what may be inline, in entries or in bytes. */
const MANY = 140;
const LONG = 'x'.repeat(130);

export const STORAGE_STORY: Story = {
  scenario: {
    ...QUIET_WORLD,
    slots: 1,
    node: {
      ...QUIET_WORLD.node,
      slot: { ...QUIET_WORLD.node.slot, logTailBytes: 1 },
      binlog: { segmentBytes: 1024, binlogBytesMax: 3 * 1024, freeBytesMin: 0 },
    },
  },
  tell,
  check: (world) => {
    if (!world.counters.has('snapshots installed')) throw new Error('no snapshot was installed');
  },
  counts: (kind) => /^(file (append|sync|create|remove|truncate|rename|write)|engine write)/.test(kind),
};

async function tell(world: World, workload: Workload, from: () => void): Promise<void> {
  await world.start();
  from();
  await ask(world, workload, 1, [
    ['RPUSH', 'list', ...numbered(40, LONG)],
    ['HSET', 'hash', ...numbered(2 * MANY)],
    ['SADD', 'set', ...numbered(MANY)],
    ['ZADD', 'zset', ...numbered(MANY).flatMap((member, i) => [String(i % 7), member])],
  ]);
  await checkpoint(world);
  await ask(world, workload, 2, [
    ['DEL', 'list'],
    ['SET', 'hash', 'no hash any more'],
    ['PEXPIRE', 'zset', '30'],
    ['RPUSH', 'list', ...numbered(3)],
    ['SREM', 'set', ...numbered(30)],
  ]);
  await words(world, workload, 1);
  await checkpoint(world);
  await checkpoint(world);
  await say(world, 2, (own, session) => [own.flush(session)], workload);
  await ask(world, workload, 1, [['RPUSH', 'again', ...numbered(40, LONG)]]);
  await checkpoint(world);
  await checkpoint(world);
  await away(world, workload);
  await pass(world, PURGE_US);
  await words(world, workload, 2);
  await checkpoint(world);
  await pass(world, PURGE_US);
  await words(world, workload, 1);
  await healed(world);
}

/** While a machine is away the others cut their logs. */
async function away(world: World, workload: Workload): Promise<void> {
  const late = world.machines[2]!;
  if (late.life !== undefined) world.endMachine(late, 'drop');
  await ask(world, workload, 1, [
    ['DEL', 'again'],
    ['RPUSH', 'anew', ...numbered(40, LONG)],
    ['SET', 'dying', 'soon', 'PX', '40'],
  ]);
  await words(world, workload, 2);
  await checkpoint(world);
  await words(world, workload, 1);
  world.bootIfDown(late);
  await healed(world);
}

/** Writes whose fate is judged. */
function words(world: World, workload: Workload, machine: number): Promise<void> {
  return say(
    world,
    machine,
    (own, session) => [
      own.set('a', session),
      own.append('log0', session),
      own.increment('count0', session),
      own.setExpiring(session, 25),
    ],
    workload,
  );
}

/** Writes that the model alone judges. */
function ask(
  world: World,
  workload: Workload,
  machine: number,
  lines: readonly (readonly string[])[],
): Promise<void> {
  return say(world, machine, () => lines.map((argv): Command => ({ argv, settle: () => {} })), workload);
}

async function checkpoint(world: World): Promise<void> {
  for (const { node } of world.machines) void node?.checkpointer.round();
  await pass(world, CHECKPOINT_US);
}

async function pass(world: World, us: number): Promise<void> {
  await world.scheduler.runUntil(world.scheduler.nowUs + us);
}

function numbered(count: number, text = 'member'): string[] {
  return Array.from({ length: count }, (_, i) => `${text}${i}`);
}
