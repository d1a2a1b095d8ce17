/**
 * What kind of world a seed makes: every knob drawn at random, because bugs live where knobs meet (swarm testing).
 *
 * Bounds are small on purpose: segments roll, batches fill, pools evict and lanes overflow within seconds.
 */
import type { NodeSettings } from '../../src/node/settings.js';
import { type Random, seededRandom } from '../../src/random.js';
import { DEFAULT_CONNECTION_LIMITS } from '../../src/resp/limits.js';
import type { FaultSettings } from './faults.js';
import type { ClientSettings } from './sim-clients.js';
import type { DiskSettings } from './sim-machine.js';
import type { NetworkSettings } from './sim-network.js';
import type { WorkloadSettings } from './workload.js';

export interface Scenario {
  readonly machines: number;
  readonly slots: number;
  readonly balanceLeaders: boolean;
  readonly node: NodeSettings;
  readonly network: NetworkSettings;
  readonly disk: DiskSettings;
  readonly workload: WorkloadSettings;
  readonly clients: readonly ClientSettings[];
  /** Commands of all clients together. */
  readonly commands: number;
  readonly faults: FaultSettings;
  /** Clocks are off by up to so much, either way. */
  readonly wallOffsetMsMax: number;
  /** Clocks run faster or slower by up to this share. */
  readonly driftMax: number;
}

const KIB = 1024;
/** More than a run writes. */
const DISK_LOW_BYTES = 4096 * KIB;

export function scenarioOf(seed: number): Scenario {
  const random = seededRandom(seed, 0x5ca1e);
  const slow = random.below(8) === 0;
  const jumps = random.below(3) === 0;
  return {
    machines: pick(random, [1, 2, 3, 3, 3, 3, 3, 3, 4, 5]),
    slots: pick(random, [1, 2, 4, 4]),
    balanceLeaders: random.below(2) === 0,
    node: nodeSettings(random),
    network: {
      delayUsMin: 50,
      delayUsMax: pick(random, [300, 1000, 5000]),
      slowEvery: pick(random, [0, 20, 200]),
      slowUsMax: 60_000,
      reconnectUsMax: pick(random, [20_000, 150_000]),
      keepaliveUsMax: pick(random, [100_000, 1_500_000]),
      laneBytesMax: pick(random, [4 * KIB, 256 * KIB, 4096 * KIB]),
    },
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
      ttlMsMax: pick(random, [50, 500]),
      valueBytesMax: pick(random, [20, 2 * KIB, 20 * KIB]),
    },
    clients: Array.from({ length: 2 + random.below(4) }, () => ({
      pipeline: pick(random, [1, 2, 4, 8]),
      thinkUsMax: pick(random, [3000, 20_000, 60_000]),
    })),
    commands: pick(random, [100, 200, 300]),
    faults: faultSettings(random, jumps),
    wallOffsetMsMax: jumps ? 5000 : 20,
    driftMax: pick(random, [0, 0.001, 0.02]),
  };
}

function faultSettings(random: Random, clockJumps: boolean): FaultSettings {
  const on = (weight: number): number => (random.below(3) === 0 ? 0 : weight);
  return {
    everyUsMin: 10_000,
    everyUsMax: pick(random, [100_000, 300_000, 900_000]),
    durationUsMax: pick(random, [200_000, 1_200_000]),
    crash: on(4),
    crashAll: on(1),
    stop: on(1),
    isolate: on(2),
    cut: on(3),
    reset: on(3),
    pause: on(2),
    clockJump: clockJumps ? 2 : 0,
    placement: on(1),
    disconnect: on(1),
    transfer: on(2),
    checkpoint: on(2),
    diskFull: on(1) === 1 && random.below(3) === 0 ? 1 : 0,
  };
}

function nodeSettings(random: Random): NodeSettings {
  const electionTimeoutMs = pick(random, [150, 300, 1000]);
  const leaseMs = Math.floor(electionTimeoutMs / 3);
  return {
    tickMs: pick(random, [5, 20]),
    pulse: {
      pulseMs: Math.floor(electionTimeoutMs / 3),
      peerSilenceMs: pick(random, [electionTimeoutMs, 1500]),
    },
    reportIntervalMs: 500,
    drainTimeoutMs: 500,
    router: {
      requestTimeoutMs: pick(random, [400, 1500, 5000]),
      noLeaderTimeoutMs: pick(random, [300, 1500]),
    },
    slot: {
      raft: {
        electionTimeoutMs,
        heartbeatMs: Math.floor(electionTimeoutMs / 10),
        leaseMs,
        leaseMarginMs: leaseMs * 0.2,
        appendBytesMax: pick(random, [512, 64 * KIB]),
        inflightBytesMax: pick(random, [2 * KIB, 256 * KIB]),
        proposalBytesMax: 1024 * KIB,
        uncommittedBytesMax: pick(random, [8 * KIB, 1024 * KIB]),
        memoryBytesMax: pick(random, [512, 64 * KIB]),
        reads: pick(random, ['index', 'lease']),
        quiesceAfterMs: pick(random, [100, 500, Number.POSITIVE_INFINITY]),
      },
      entryBytesTarget: pick(random, [64, 4 * KIB, 256 * KIB]),
      outstandingRequestsMax: pick(random, [4, 1000]),
      readRoundsMax: pick(random, [1, 2]),
      logTailBytes: pick(random, [512, 16 * KIB, 1024 * 1024 * KIB]),
      poolBytes: pick(random, [1 * KIB, 1024 * KIB]),
      campaignStaggerMs: Math.floor(electionTimeoutMs / 8),
    },
    checkpoint: {
      checkpointIntervalMs: pick(random, [50, 300, 2000]),
      checkpointBytesMax: pick(random, [1 * KIB, 1024 * KIB]),
      checkpointSliceCells: pick(random, [1, 100]),
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
