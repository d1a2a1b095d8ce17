/**
 * One seed, one run: the world comes up, clients work while faults strike, then everything heals and must be found in order.
 *
 * The end asks for liveness (every slot led, every read answered, within bounded virtual time), for the clients' verdict
 * (checks/judge.ts), for equal replicas (checks/dumps.ts), and for all of that once more after a power cut of every machine.
 */

import { hash14, slotOfHash } from '../../src/slot/hash.js';
import { nextChanceUs } from './activity.js';
import { ASYNC_TABLE, AsyncWorkload } from './async-workload.js';
import { compareReplicas } from './checks/dumps.js';
import { judge } from './checks/judge.js';
import { unrest } from './checks/rest.js';
import { probe } from './probes.js';
import { type ClientSettings, type Next, SimClient } from './sim-clients.js';
import { type Form, type Scenario, scenarioOf } from './swarm.js';
import { type Command, Workload } from './workload.js';
import { World, type WorldOptions } from './world.js';

export interface RunResult {
  readonly traceHash: string;
  readonly events: number;
  readonly virtualMs: number;
  readonly counters: ReadonlyMap<string, number>;
  readonly undecided: number;
  /** Commands answered with what was asked for. */
  readonly answered: number;
  /** Faults that struck, each in words. */
  readonly faults: readonly string[];
}

export class RunFailure extends Error {
  override readonly name = 'RunFailure';
  constructor(
    message: string,
    /** Where the world stood. */
    readonly report: string,
    /** Faults that struck, each in words. */
    readonly faults: readonly string[],
    cause: unknown,
  ) {
    super(message, { cause });
  }
}

const HEAL_MS_MAX = 30_000;
const REST_MS_MAX = 10_000;
const READ_ATTEMPTS_MAX = 20;
const FINAL_CLIENT: ClientSettings = { pipeline: 16, thinkUsMax: 2000 };
const ONE_BY_ONE: ClientSettings = { pipeline: 1, thinkUsMax: 20_000 };
/** After the healing clients make so many commands for each answer that is still missing, at most. */
const EXTRA_COMMANDS = 10;

/** A run made smaller than its seed would have it: what is not named is as the seed says. */
export interface RunOptions {
  readonly form?: Form;
  readonly say?: (line: string) => void;
  /** Numbers of the faults that strike. */
  readonly faults?: readonly number[];
  /** Numbers of the clients, from 1. */
  readonly clients?: readonly number[];
  readonly commands?: number;
  readonly turnEach?: boolean;
}

export function simulate(seed: number, options: RunOptions = {}): Promise<RunResult> {
  const { say, turnEach } = options;
  const scenario = restricted(scenarioOf(seed, options.form), options);
  const world = { seed, scenario, ...(say && { say }), ...(turnEach && { turnEach }) };
  return runWorld(world, (own) => randomRun(own, options));
}

function restricted(scenario: Scenario, { faults, commands }: RunOptions): Scenario {
  return {
    ...scenario,
    ...(faults && { faults: scenario.faults.filter(({ number }) => faults.includes(number)) }),
    // Smaller than it is, nothing is owed.
    ...(commands !== undefined && { commands, answersMin: 0 }),
  };
}

/** Runs `story` in a world of its own, guarded: whatever goes wrong anywhere comes out as a RunFailure. */
export async function runWorld(
  options: WorldOptions,
  story: (world: World) => Promise<number>,
): Promise<RunResult> {
  const world = new World(options);
  probe(world);
  const rejected = (why: unknown): void => world.scheduler.fail(why);
  process.on('unhandledRejection', rejected);
  try {
    const undecided = await story(world);
    const { scheduler, counters } = world;
    const { eventsRun: events, nowMs: virtualMs, trace } = scheduler;
    const { answered, faults } = world;
    return {
      traceHash: trace.hash,
      events,
      virtualMs,
      counters,
      undecided,
      answered,
      faults: faults.story,
    };
  } catch (why) {
    const error = why instanceof Error ? why : new Error(String(why));
    const report = [
      `at ${world.scheduler.nowMs} ms`,
      world.describe(),
      ...world.scheduler.trace.lastEvents(),
    ].join('\n');
    throw new RunFailure(error.message, report, world.faults.story, error);
  } finally {
    probe(undefined);
    process.off('unhandledRejection', rejected);
    for (const machine of world.machines) machine.life?.kill();
  }
}

async function randomRun(world: World, options: RunOptions): Promise<number> {
  const { scenario, scheduler } = world;
  const workload = newWorkload(world, scenario);
  await world.start();
  const bornUs = scheduler.nowUs;
  /** Once the world is healed: commands that may be made until enough are answered. */
  let commandsMax: number | undefined;
  const next = (session: string): Next => {
    if (commandsMax !== undefined)
      return mayAsk(world, workload, commandsMax) ? workload.next(session) : undefined;
    const { made } = workload;
    if (made >= scenario.commands) return { againAtUs: bornUs + scenario.lifeUs };
    const atUs = nextChanceUs(scenario.bursts, scheduler.nowUs - bornUs, made) ?? scenario.lifeUs;
    return bornUs + atUs > scheduler.nowUs ? { againAtUs: bornUs + atUs } : workload.next(session);
  };
  scenario.clients.forEach((settings, i) => {
    if (options.clients?.includes(i + 1) === false) return;
    const machine = 1 + (i % scenario.machines);
    world.clients.push(new SimClient(i + 1, machine, world, world.dice(100 + i), settings, next));
  });
  const quick = newAsyncWorkload(world);
  scenario.asyncTable?.clients.forEach((settings, i) => {
    const ask = (): Next => {
      if (commandsMax !== undefined) return undefined;
      const atUs = nextChanceUs(scenario.bursts, scheduler.nowUs - bornUs, quick.made) ?? scenario.lifeUs;
      return bornUs + atUs > scheduler.nowUs ? { againAtUs: bornUs + atUs } : quick.next();
    };
    const [number, machine] = [501 + i, 1 + ((i + 1) % scenario.machines)];
    world.clients.push(new SimClient(number, machine, world, world.dice(number), settings, ask));
  });
  for (const client of world.clients) client.start();
  world.faults.start(scenario.faults);
  await scheduler.runUntil(bornUs + scenario.lifeUs);
  commandsMax = workload.made + EXTRA_COMMANDS * Math.max(0, scenario.answersMin - world.answered);
  await healed(world);
  await world.wait('the clients to finish', HEAL_MS_MAX, () => world.clients.every((client) => client.ended));
  await goesOn(world, workload);
  await asyncGoesOn(world, quick);
  return inOrder(world, workload);
}

function newAsyncWorkload(world: World): AsyncWorkload {
  const settings = world.scenario.asyncTable ?? { slots: 0, replicas: 1, keys: 1, flushes: false };
  return new AsyncWorkload(settings, world.dice(6), (words, fate) =>
    world.oracles.cutWrites.settled(words, fate),
  );
}

/** Every group of the async table must take a write. */
async function asyncGoesOn(world: World, quick: AsyncWorkload): Promise<void> {
  const { slots } = world.scenario.asyncTable ?? { slots: 0 };
  for (let slot = 0; slot < slots; slot++) {
    let written = false;
    const done = (): void => {
      written = true;
    };
    const next = (): Command | undefined => (written ? undefined : quick.set(keyOfSlot(slot, slots), done));
    const settings = { ...ONE_BY_ONE, table: ASYNC_TABLE };
    const client = new SimClient(950 + slot, 1, world, world.dice(950 + slot), settings, next);
    client.start();
    await world.wait(`a write to async slot ${slot}`, HEAL_MS_MAX, () => client.ended && written);
  }
}

function mayAsk(world: World, workload: Workload, commandsMax: number): boolean {
  return world.answered < world.scenario.answersMin && workload.made < commandsMax;
}

export function newWorkload(world: World, { workload, wallOffsetMsMax }: Scenario): Workload {
  return new Workload(
    {
      history: world.history,
      settings: workload,
      whenMayExpire: (ttlMs, run) => {
        // Slot time follows the clocks of several machines, slewed; a key may die as much too early as they differ.
        const earliestMs = Math.max(0, ttlMs * 0.7 - 3 * wallOffsetMsMax);
        world.scheduler.after(earliestMs * 1000, 'may expire', undefined, run);
      },
    },
    world.dice(5),
  );
}

/** Nothing stands in the way any more: every group must commit a write, and in the end all nodes must come to rest. */
async function goesOn(world: World, workload: Workload): Promise<void> {
  const { slots } = world.scenario;
  for (let slot = 0; slot < slots; slot++) {
    let written = false;
    const next = (session: string): Command | undefined => {
      if (written) return undefined;
      const command = workload.set(keyOfSlot(slot, slots), session);
      return {
        argv: command.argv,
        settle: (fate, reply) => {
          written = written || fate === 'done';
          command.settle(fate, reply);
        },
      };
    };
    const client = new SimClient(910 + slot, 1, world, world.dice(910 + slot), ONE_BY_ONE, next);
    client.start();
    await world.wait(`a write to slot ${slot}`, HEAL_MS_MAX, () => client.ended && written);
  }
}

async function comesToRest(world: World): Promise<void> {
  const restless = (): string[] =>
    world.machines.flatMap(({ number, node }) => unrest(node!).map((what) => `machine ${number}: ${what}`));
  await world.wait(
    'everything to come to rest',
    REST_MS_MAX,
    () => restless().length === 0,
    () => restless().join('\n'),
  );
}

/** Keys that only this asks for. */
function keyOfSlot(slot: number, slots: number): string {
  for (let number = 0; ; number++) {
    const key = `reg-of-slot${number}`;
    if (slotOfHash(hash14(Buffer.from(key)), slots) === slot) return key;
  }
}

export async function healed(world: World): Promise<void> {
  world.faults.heal();
  for (const machine of world.machines) world.bootIfDown(machine);
  await world.wait('all replicas to be equal', HEAL_MS_MAX, () => world.allEqual());
}

/** Everything acknowledged is there, everywhere, also after the lights went out. Resolves with the number of undecided keys. */
export async function inOrder(world: World, workload: Workload): Promise<number> {
  // Of what may expire nothing is left when its time has certainly come.
  await world.scheduler.runUntil(world.scheduler.nowUs + expiryUs(world.scenario));
  await readEverything(world, workload, 901);
  await world.wait('all replicas to be equal', HEAL_MS_MAX, () => world.allEqual());
  await comesToRest(world);
  const before = await compareReplicas(world);
  for (const { life, node } of world.machines) world.oracles.cutWrites.judgeCounts(life!.ownerId, node!);
  world.oracles.cutWrites.judgeLosses();
  for (const machine of world.machines) world.endMachine(machine, 'drop');
  await healed(world);
  await readEverything(world, workload, 902);
  await world.wait('all replicas to be equal', HEAL_MS_MAX, () => world.allEqual());
  const after = await compareReplicas(world);
  for (const [groupId, rows] of before) {
    if (after.get(groupId)?.size !== rows.size)
      throw new Error(`group ${groupId}: keys came or went while nobody wrote`);
  }
  const verdict = judge(world.history);
  if (verdict.faults.length > 0) throw new Error(verdict.faults.join('\n'));
  world.counted('keys judged', verdict.keys);
  return verdict.undecided.length;
}

function expiryUs({ workload, wallOffsetMsMax }: Scenario): number {
  return (workload.ttlMsMax * 1.5 + 3 * wallOffsetMsMax + 500) * 1000;
}

/** Reads each key through some node until it is answered: now nothing may stand in the way. */
async function readEverything(world: World, workload: Workload, purpose: number): Promise<void> {
  const dice = world.dice(purpose);
  const waiting = new Set(world.history.keys.keys());
  const attempts = new Map<string, number>();
  const queue = [...waiting];
  const again = (key: string): void => {
    const made = (attempts.get(key) ?? 0) + 1;
    attempts.set(key, made);
    if (made > READ_ATTEMPTS_MAX) throw new Error(`GET ${key} is still refused`);
    queue.push(key);
  };
  const next = (session: string): Command | undefined => {
    const key = queue.shift();
    if (key === undefined) return undefined;
    const command = workload.get(key, session);
    return {
      argv: command.argv,
      settle: (fate, reply) => {
        command.settle(fate, reply);
        if (fate !== 'done') return again(key);
        if (key.startsWith('ttl') && reply!.kind !== 'null')
          throw new Error(`${key} is alive after its time`);
        waiting.delete(key);
      },
    };
  };
  let client: SimClient | undefined;
  await world.wait('every key to be read', HEAL_MS_MAX, () => {
    if (queue.length > 0 && (client === undefined || client.ended)) {
      client = new SimClient(purpose, 1 + dice.below(world.machines.length), world, dice, FINAL_CLIENT, next);
      client.start();
    }
    return waiting.size === 0;
  });
  client?.stop();
}
