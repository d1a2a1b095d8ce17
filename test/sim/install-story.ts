/**
 * The story of a snapshot, to be crashed at each of its effects: while one machine is down the others write, checkpoint and cut their
 * logs, and write again; it comes back, is sent each slot's state, installs it, and goes on from the log.
 */
import { QUIET_WORLD, type Story, say } from './crash-script.js';
import { healed } from './simulate.js';
import type { Workload } from './workload.js';
import type { World } from './world.js';

const CHECKPOINT_US = 60_000;

export const INSTALL: Story = {
  scenario: {
    ...QUIET_WORLD,
    node: { ...QUIET_WORLD.node, slot: { ...QUIET_WORLD.node.slot, logTailBytes: 1 } },
  },
  tell,
  check: (world) => {
    const installed = world.counters.get('snapshots installed') ?? 0;
    if (installed < world.scenario.slots) throw new Error(`only ${installed} snapshots were installed`);
  },
};

async function tell(world: World, workload: Workload, from: () => void): Promise<void> {
  await world.start();
  const write = (machine: number): Promise<void> =>
    say(
      world,
      machine,
      (own, s) => [own.mset(s, ['a', 'b', 'c']), own.append('log0', s), own.increment('count0', s)],
      workload,
    );
  await write(1);
  await checkpoint(world);
  const late = world.machines[2]!;
  world.endMachine(late, 'drop');
  await write(1);
  await say(world, 2, (own, s) => [own.flush(s), own.set('d', s), own.setExpiring(s, 20)], workload);
  await write(2);
  await checkpoint(world);
  await say(world, 1, (own, s) => [own.set('e', s), own.append('log1', s)], workload);
  from();
  world.bootIfDown(late);
  await healed(world);
  await write(1);
  await healed(world);
}

async function checkpoint(world: World): Promise<void> {
  for (const { node } of world.machines) void node?.checkpointer.round();
  await world.scheduler.runUntil(world.scheduler.nowUs + CHECKPOINT_US);
}
