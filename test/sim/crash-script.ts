/**
 * Short stories, told again and again with a crash at another effect each time.
 *
 * `LIFE`: three nodes are born and elect, clients write, keys expire, everything is checkpointed, flushed, written again, a node is
 * restarted. `INSTALL` is in install-story.ts. A story's effects (files, engine, messages, in the order in which the world carries them out) are counted once; then it is
 * told with a crash at effect k: of the machine whose effect that is, or of all machines at once. What follows must be what
 * `inOrder` asks for: nothing acknowledged lost, no vote given twice, equal replicas, also after one more power cut.
 */
import { DEFAULT_CONNECTION_LIMITS } from '../../src/resp/limits.js';
import { SimClient } from './sim-clients.js';
import type { DiskWatch, EndMode, SimMachine } from './sim-machine.js';
import { healed, inOrder, newWorkload, type RunResult, runWorld } from './simulate.js';
import type { Scenario } from './swarm.js';
import type { Command, Workload } from './workload.js';
import type { World } from './world.js';

export interface CrashPoint {
  /** Counted from 0. */
  readonly effect: number;
  readonly who: 'one' | 'all';
  /** `stop`: no crash, but an orderly end that begins there. */
  readonly mode: EndMode | 'stop';
}

export interface Story {
  readonly scenario: Scenario;
  /** Calls `from` where the crashes may begin; resolves when the world is in order again. */
  tell(world: World, workload: Workload, from: () => void): Promise<void>;
  /** Of the undisturbed story: did it tell what it is for? */
  check(world: World): void;
  /** Effects at which it is crashed, by kind; all where it doesn't say. */
  readonly counts?: (kind: string) => boolean;
}

const SEED = 7;
const KIB = 1024;
const STEP_MS_MAX = 20_000;
const DOWN_US = 40_000;

/** How many effects the undisturbed story has, up to where the judging begins. */
export async function countEffects(story: Story, watch?: DiskWatch): Promise<number> {
  let effects = -1;
  let told = 0;
  const effect = (_machine: SimMachine, kind: string): boolean => {
    if (effects >= 0 && story.counts?.(kind) !== false) effects++;
    return false;
  };
  await runWorld({ seed: SEED, scenario: story.scenario, effect, watch }, async (world) => {
    const workload = newWorkload(world, story.scenario);
    await story.tell(world, workload, () => {
      effects = 0;
    });
    told = effects;
    story.check(world);
    return inOrder(world, workload);
  });
  return told;
}

export function crashAt(story: Story, point: CrashPoint, watch?: DiskWatch): Promise<RunResult> {
  let effects = -1;
  let world: World | undefined;
  const effect = (machine: SimMachine, kind: string): boolean => {
    if (effects < 0 || story.counts?.(kind) === false || effects++ !== point.effect) return false;
    const victims = point.who === 'one' ? [machine] : world!.machines;
    for (const victim of victims) end(world!, victim, point.mode);
    return point.mode !== 'stop';
  };
  return runWorld({ seed: SEED, scenario: story.scenario, effect, watch }, async (own) => {
    world = own;
    const workload = newWorkload(own, story.scenario);
    await story.tell(own, workload, () => {
      effects = 0;
    });
    return inOrder(own, workload);
  });
}

function end(world: World, machine: SimMachine, mode: CrashPoint['mode']): void {
  const { life } = machine;
  if (mode !== 'stop') crash(world, machine, mode);
  else if (life !== undefined) world.scheduler.after(1, 'stop', life, () => void stop(world, machine));
}

async function stop(world: World, machine: SimMachine): Promise<void> {
  const { node, life } = machine;
  if (node === undefined || node.stopping) return;
  await node.close();
  // Not from within: the life must not end in the middle of its own event.
  world.scheduler.after(1, 'stopped', life, () => crash(world, machine, 'kill'));
}

function crash(world: World, machine: SimMachine, mode: EndMode): void {
  if (machine.life === undefined) return;
  world.endMachine(machine, mode);
  world.scheduler.after(DOWN_US, 'reboot', undefined, () => world.bootIfDown(machine));
}

async function life(world: World, workload: Workload, from: () => void): Promise<void> {
  from();
  await world.start();
  await say(
    world,
    1,
    (own, s) => [
      own.set('a', s),
      own.increment('count0', s),
      own.append('log0', s),
      own.mset(s, ['a', 'b', 'c']),
    ],
    workload,
  );
  await say(
    world,
    2,
    (own, s) => [own.setExpiring(s, 30), own.set('b', s), own.append('log0', s), own.get('a', s)],
    workload,
  );
  for (const { node } of world.machines) void node?.checkpointer.round();
  await world.scheduler.runUntil(world.scheduler.nowUs + 60_000);
  await say(
    world,
    3,
    (own, s) => [own.increment('count0', s), own.append('log0', s), own.mget(s, ['a', 'b', 'c'])],
    workload,
  );
  await say(world, 1, (own, s) => [own.flush(s), own.set('a', s), own.increment('count1', s)], workload);
  for (const { node } of world.machines) void node?.checkpointer.round();
  await say(world, 2, (own, s) => [own.append('log1', s), own.set('d', s), own.setExpiring(s, 20)], workload);
  crash(world, world.machines[0]!, 'kill');
  await say(
    world,
    3,
    (own, s) => [own.append('log1', s), own.increment('count1', s), own.mget(s, ['a', 'd'])],
    workload,
  );
  await healed(world);
}

/** Asks through one machine and waits until the fate of everything asked is known, good or bad. */
export async function say(
  world: World,
  machine: number,
  ask: (workload: Workload, session: string) => readonly Command[],
  workload: Workload,
): Promise<void> {
  let commands: Command[] | undefined;
  const next = (session: string): Command | undefined => {
    commands ??= [...ask(workload, session)];
    return commands.shift();
  };
  const number = ++world.clientNumber;
  const client = new SimClient(
    number,
    machine,
    world,
    world.dice(number),
    { pipeline: 4, thinkUsMax: 1000 },
    next,
  );
  client.start();
  await world.wait('a step of the story', STEP_MS_MAX, () => client.ended);
}

export const QUIET_WORLD: Scenario = {
  form: 'short',
  machines: 3,
  slots: 2,
  replicas: 3,
  balanceLeaders: false,
  asyncTable: undefined,
  node: {
    tickMs: 10,
    pulse: { pulseMs: 100, peerSilenceMs: 1000 },
    reportIntervalMs: 1000,
    drainTimeoutMs: 500,
    router: { requestTimeoutMs: 1000, noLeaderTimeoutMs: 1000 },
    slot: {
      raft: {
        electionTimeoutMs: 150,
        heartbeatMs: 50,
        leaseMs: 40,
        leaseMarginMs: 8,
        appendBytesMax: 64 * KIB,
        inflightBytesMax: 256 * KIB,
        proposalBytesMax: 1024 * KIB,
        uncommittedBytesMax: 1024 * KIB,
        memoryBytesMax: 512,
        reads: 'index',
        commitNoticeMs: 0,
        sendEveryMs: 0,
        quiesceAfterMs: Number.POSITIVE_INFINITY,
      },
      entryBytesTarget: 64 * KIB,
      outstandingRequestsMax: 1000,
      readRoundsMax: 2,
      logTailBytes: 1024 * KIB * KIB,
      poolBytes: 1024 * KIB,
      readBytesMax: 1024 * KIB,
      campaignStaggerMs: 20,
    },
    checkpoint: {
      checkpointIntervalMs: 100_000,
      checkpointBytesMax: 1024 * KIB,
      dirtyBytesTarget: 1024 * KIB,
      dirtyBytesMax: 4096 * KIB,
    },
    snapshot: {
      chunkBytes: 256,
      windowChunks: 2,
      bytesPerSecond: 1024 * KIB,
      silenceMs: 200,
      retryMs: 20,
      logBytesMax: 1024 * KIB,
      outgoingMax: 2,
      incomingMax: 2,
    },
    binlog: { segmentBytes: KIB, binlogBytesMax: 1024 * KIB, freeBytesMin: 0 },
    connection: DEFAULT_CONNECTION_LIMITS,
  },
  network: {
    delayUsMin: 50,
    delayUsMax: 300,
    slowEvery: 0,
    slowUsMax: 0,
    reconnectUsMax: 20_000,
    keepaliveUsMax: 100_000,
    laneBytesMax: 1024 * KIB,
    harsh: undefined,
  },
  disk: { operationUsMax: 100, syncUsMax: 300, slowSyncEvery: 0, slowSyncUsMax: 0 },
  workload: { keys: 4, renewEvery: 1000, flushes: true, ttlMsMax: 30, valueBytesMax: 20 },
  clients: [],
  lifeUs: 0,
  bursts: [],
  faults: [],
  commands: 0,
  answersMin: 0,
  wallOffsetMsMax: 5,
  driftMax: 0.001,
};

export const LIFE: Story = { scenario: QUIET_WORLD, tell: life, check: () => {} };
