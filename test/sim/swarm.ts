/**
 * What kind of world a seed makes: every knob drawn at random, because bugs live where knobs meet (swarm testing).
 *
 * Bounds are small on purpose: segments roll, batches fill, pools evict and lanes overflow within seconds. Two forms: a long life of a
 * minute with slow pulses, and a short one of some seconds with fast ones, for every day.
 */
import type { NodeSettings } from '../../src/node/settings.js';
import { type Random, seededRandom } from '../../src/random.js';
import { DEFAULT_CONNECTION_LIMITS } from '../../src/resp/limits.js';
import { type ActivitySettings, type Burst, drawBursts } from './activity.js';
import { ASYNC_TABLE, type AsyncSettings } from './async-workload.js';
import { type FaultKind, type PlannedFault, planFaults } from './fault-plan.js';
import type { ClientSettings } from './sim-clients.js';
import type { DiskSettings } from './sim-machine.js';
import type { NetworkSettings } from './sim-network.js';
import type { WorkloadSettings } from './workload.js';

export type Form = 'long' | 'short';

export interface Scenario {
  readonly form: Form;
  readonly machines: number;
  readonly slots: number;
  readonly replicas: number;
  readonly balanceLeaders: boolean;
  readonly node: NodeSettings;
  readonly network: NetworkSettings;
  readonly disk: DiskSettings;
  readonly workload: WorkloadSettings;
  readonly clients: readonly ClientSettings[];
  /** Beside the table in quorum mode. */
  readonly asyncTable: (AsyncSettings & { readonly clients: readonly ClientSettings[] }) | undefined;
  /** From the cluster's coming up until it heals. */
  readonly lifeUs: number;
  readonly bursts: readonly Burst[];
  readonly faults: readonly PlannedFault[];
  /** Commands made in the bursts, at most. */
  readonly commands: number;
  /** Clients go on after the healing until so many were answered. */
  readonly answersMin: number;
  /** Clocks are off by up to so much, either way. */
  readonly wallOffsetMsMax: number;
  /** Clocks run faster or slower by up to this share. */
  readonly driftMax: number;
}

interface FormSettings {
  readonly lifeUs: number;
  readonly answersMin: number;
  readonly faultsMin: number;
  readonly losingShareMin: number;
  readonly commands: readonly number[];
  readonly bursts: readonly number[];
  readonly burstUsMax: number;
  readonly faults: readonly number[];
  readonly faultUsMax: readonly number[];
  readonly electionTimeoutMs: readonly number[];
  readonly heartbeatsPerElection: readonly number[];
  readonly ticksPerHeartbeat: readonly number[];
  readonly reportIntervalMs: number;
}

const FORMS: Readonly<Record<Form, FormSettings>> = {
  long: {
    lifeUs: 60_000_000,
    answersMin: 300,
    faultsMin: 5,
    losingShareMin: 0.5,
    commands: [400, 600, 1000],
    bursts: [5, 8, 12],
    burstUsMax: 4_000_000,
    faults: [12, 20, 30, 45],
    faultUsMax: [400_000, 2_000_000, 5_000_000],
    electionTimeoutMs: [500, 1000, 2000],
    heartbeatsPerElection: [4, 8],
    ticksPerHeartbeat: [1, 3],
    reportIntervalMs: 2000,
  },
  short: {
    lifeUs: 8_000_000,
    answersMin: 60,
    faultsMin: 0,
    losingShareMin: 0.1,
    commands: [100, 200, 300],
    bursts: [1, 2, 3],
    burstUsMax: 4_000_000,
    faults: [6, 10, 20],
    faultUsMax: [200_000, 1_200_000],
    electionTimeoutMs: [150, 300, 1000],
    heartbeatsPerElection: [8],
    ticksPerHeartbeat: [1, 3],
    reportIntervalMs: 500,
  },
};

const KIB = 1024;
/** More than a run writes. */
const DISK_LOW_BYTES = 4096 * KIB;

export function scenarioOf(seed: number, form: Form = 'long'): Scenario {
  const random = seededRandom(seed, 0x5ca1e);
  const settings = FORMS[form];
  const slow = random.below(8) === 0;
  const jumps = random.below(3) === 0;
  const machines = pick(random, [1, 2, 3, 3, 3, 3, 3, 3, 4, 5, 5, 7]);
  const { lifeUs } = settings;
  // Knobs that came later have dice of their own, so that what a seed drew before stays.
  const later = seededRandom(seed, 0x1a7e5);
  const node = nodeSettings(random, later, settings);
  const activity = activitySettings(random, settings);
  const bursts = drawBursts(random, activity, lifeUs);
  return {
    form,
    machines,
    slots: pick(random, [1, 2, 4]),
    replicas: machines >= 5 ? pick(random, [3, 5]) : 3,
    balanceLeaders: random.below(2) === 0,
    node,
    network: networkSettings(random),
    disk: {
      operationUsMax: 150,
      syncUsMax: slow ? 20_000 : 400,
      slowSyncEvery: pick(random, [0, 30, 300]),
      slowSyncUsMax: 150_000,
    },
    workload: {
      keys: pick(random, [2, 4, 8]),
      renewEvery: pick(random, [40, 80]),
      flushes: random.below(3) === 0,
      ttlMsMax: pick(random, [50, 500, 2000]),
      valueBytesMax: pick(random, [20, 2 * KIB, 20 * KIB]),
    },
    clients: Array.from({ length: 2 + random.below(4) }, () => ({
      pipeline: pick(random, [1, 2, 4, 8]),
      thinkUsMax: pick(random, [3000, 20_000, 60_000]),
      readsHere: random.below(3) === 0,
    })),
    asyncTable: asyncTable(seed, machines),
    lifeUs,
    bursts,
    faults: faultPlan(random, settings, machines, node.slot.raft.electionTimeoutMs, jumps, bursts),
    commands: activity.commands,
    answersMin: settings.answersMin,
    wallOffsetMsMax: jumps ? 5000 : 20,
    driftMax: pick(random, [0, 0.001, 0.02]),
  };
}

/** With dice of its own: the rest of a world is the same with and without. */
function asyncTable(seed: number, machines: number): Scenario['asyncTable'] {
  const random = seededRandom(seed, 0xa51c);
  if (random.below(2) === 0) return undefined;
  return {
    slots: pick(random, [1, 2]),
    replicas: machines === 1 ? 1 : machines === 2 ? 1 : 3,
    keys: pick(random, [1, 2, 4]),
    flushes: random.below(3) === 0,
    clients: Array.from({ length: 1 + random.below(3) }, () => ({
      pipeline: pick(random, [1, 4, 8]),
      thinkUsMax: pick(random, [3000, 20_000]),
      readsHere: random.below(3) === 0,
      table: ASYNC_TABLE,
    })),
  };
}

function activitySettings(random: Random, settings: FormSettings): ActivitySettings {
  return {
    commands: pick(random, settings.commands),
    bursts: pick(random, settings.bursts),
    burstUsMax: settings.burstUsMax,
  };
}

function networkSettings(random: Random): NetworkSettings {
  const harsh = random.below(3) === 0;
  return {
    delayUsMin: 50,
    delayUsMax: pick(random, [300, 1000, 5000]),
    slowEvery: pick(random, [0, 20, 200]),
    slowUsMax: 60_000,
    reconnectUsMax: pick(random, [20_000, 150_000]),
    keepaliveUsMax: pick(random, [100_000, 1_500_000]),
    laneBytesMax: pick(random, [4 * KIB, 256 * KIB, 4096 * KIB]),
    harsh: harsh
      ? {
          lostEvery: pick(random, [0, 10, 50]),
          repeatedEvery: pick(random, [0, 10, 50]),
          strayEvery: pick(random, [3, 10, 50]),
          strayUsMax: pick(random, [10_000, 500_000, 3_000_000]),
        }
      : undefined,
  };
}

function faultPlan(
  random: Random,
  settings: FormSettings,
  machines: number,
  electionTimeoutMs: number,
  clockJumps: boolean,
  bursts: readonly Burst[],
): readonly PlannedFault[] {
  // Swarm: a third of the kinds is left out of each run, so that the others meet undisturbed. Crashes are in most.
  const on = (weight: number): number => (random.below(3) === 0 ? 0 : weight);
  const among = (weight: number): number => (machines === 1 ? 0 : weight);
  const weights: Record<FaultKind, number> = {
    crash: random.below(8) === 0 ? 1 : 4,
    crashAtEffect: random.below(8) === 0 ? 0 : 6,
    crashAll: on(1),
    stop: on(1),
    partition: among(on(4)),
    flap: among(on(1)),
    clog: among(on(2)),
    reset: among(on(2)),
    pause: on(2),
    block: on(2),
    clockJump: clockJumps ? 2 : 0,
    placement: on(1),
    disconnect: on(1),
    transfer: among(on(2)),
    checkpoint: on(2),
    diskFull: on(1),
    slowDisk: on(1),
    membership: on(2),
  };
  const plan = {
    count: pick(random, settings.faults),
    durationUsMax: pick(random, settings.faultUsMax),
    electionUs: electionTimeoutMs * 1000,
    longEvery: 8,
    weights,
  };
  return planFaults(random, plan, machines, settings.lifeUs, bursts);
}

function nodeSettings(random: Random, later: Random, form: FormSettings): NodeSettings {
  const electionTimeoutMs = pick(random, form.electionTimeoutMs);
  const heartbeatMs = Math.floor(electionTimeoutMs / pick(random, form.heartbeatsPerElection));
  const leaseMs = Math.floor(electionTimeoutMs / pick(random, [1, 2, 3]));
  return {
    tickMs: Math.max(5, Math.floor(heartbeatMs / pick(random, form.ticksPerHeartbeat))),
    pulse: {
      pulseMs: Math.floor(electionTimeoutMs / 3),
      peerSilenceMs: pick(random, [electionTimeoutMs, electionTimeoutMs * 2]),
    },
    reportIntervalMs: form.reportIntervalMs,
    drainTimeoutMs: 500,
    router: {
      requestTimeoutMs: pick(random, [400, 1500, 5000]),
      noLeaderTimeoutMs: pick(random, [300, 1500]),
    },
    slot: {
      raft: {
        electionTimeoutMs,
        heartbeatMs,
        leaseMs,
        leaseMarginMs: leaseMs * 0.2,
        appendBytesMax: pick(random, [512, 64 * KIB]),
        inflightBytesMax: pick(random, [2 * KIB, 256 * KIB]),
        proposalBytesMax: 1024 * KIB,
        uncommittedBytesMax: pick(random, [8 * KIB, 1024 * KIB]),
        memoryBytesMax: pick(random, [512, 64 * KIB]),
        reads: pick(random, ['index', 'lease']),
        commitNoticeMs: pick(later, [0, 5, 20, 100]),
        sendEveryMs: pick(later, [0, 5, 50]),
        quiesceAfterMs: pick(random, [100, 500, Number.POSITIVE_INFINITY]),
      },
      entryBytesTarget: pick(random, [64, 4 * KIB, 256 * KIB]),
      outstandingRequestsMax: pick(random, [4, 1000]),
      readRoundsMax: pick(random, [1, 2]),
      logTailBytes: pick(random, [512, 16 * KIB, 1024 * 1024 * KIB]),
      poolBytes: pick(random, [1 * KIB, 1024 * KIB]),
      readBytesMax: 1024 * KIB,
      campaignStaggerMs: Math.floor(electionTimeoutMs / 8),
    },
    checkpoint: {
      checkpointIntervalMs: pick(random, [50, 300, 2000]),
      checkpointBytesMax: pick(random, [1 * KIB, 1024 * KIB]),
      dirtyBytesTarget: pick(random, [4 * KIB, 1024 * KIB]),
      dirtyBytesMax: pick(random, [16 * KIB, 4096 * KIB]),
    },
    binlog: {
      segmentBytes: pick(random, [1 * KIB, 32 * KIB, 1024 * KIB]),
      binlogBytesMax: 16 * KIB,
      freeBytesMin: DISK_LOW_BYTES,
    },
    snapshot: {
      chunkBytes: pick(random, [64, 4 * KIB]),
      windowChunks: pick(random, [1, 4]),
      bytesPerSecond: pick(random, [64 * KIB, 64 * 1024 * KIB]),
      silenceMs: pick(random, [200, 1000]),
      retryMs: 20,
      logBytesMax: pick(random, [1 * KIB, 1024 * KIB]),
      outgoingMax: pick(random, [1, 2]),
      incomingMax: pick(random, [1, 2]),
    },
    connection: { ...DEFAULT_CONNECTION_LIMITS, requestsPerTurnMax: pick(random, [1, 256]) },
  };
}

function pick<T>(random: Random, choices: readonly T[]): T {
  return choices[random.below(choices.length)]!;
}

/** What a seed, and a batch of them, must have met to prove anything. */
export interface Floors {
  readonly answers: number;
  readonly faults: number;
  /** Of the seeds, how many lost unsynced data in a crash. */
  readonly losingShare: number;
}

export function floorsOf(form: Form): Floors {
  const { answersMin: answers, faultsMin: faults, losingShareMin: losingShare } = FORMS[form];
  return { answers, faults, losingShare };
}
