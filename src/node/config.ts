/**
 * A node's settings, each with its bounds, default and a line for --help; and how they fill NodeSettings.
 */
import { z } from 'zod';
import { DEFAULT_CONNECTION_LIMITS, DEFAULT_PARSER_LIMITS } from '../resp/limits.js';
import { SNAPSHOT_CHUNK_BYTES_MAX } from '../slot/snapshot-codec.js';
import type { NodeSettings } from './settings.js';

const port = z.int().min(0).max(65535);
export const MIB = 1 << 20;
const bytes = (least: number, fallback: number) => z.int().min(least).default(fallback);
const ms = (least: number, fallback: number) => z.int().min(least).max(3_600_000).default(fallback);

export const nodeConfigSchema = z.object({
  name: z.string().min(1).max(64).default('node-1').describe('what operators call this node'),
  dataDir: z
    .string()
    .min(1)
    .default('./data/node-1')
    .describe('folder for the binlog, the engine, the log and the pid file'),
  host: z.string().min(1).default('127.0.0.1').describe('address to listen on'),
  advertiseHost: z
    .string()
    .min(1)
    .optional()
    .describe('host where clients and peers reach this node (default host)'),
  port: port.default(9221).describe('RESP port: any node takes any key'),
  clusterPort: port.optional().describe('RESP port for Redis Cluster clients: MOVED (default port + 100)'),
  peerPort: port.optional().describe('gRPC port between nodes (default port + 200)'),
  advertisePeerPort: port
    .optional()
    .describe('port where peers reach this node, if something stands before it (default peer-port)'),
  httpPort: port.optional().describe('port for /metrics, /healthz and /readyz (default port + 400)'),
  zone: z.string().max(64).default('').describe('failure domain: replicas are spread over zones'),
  machine: z
    .string()
    .max(64)
    .default('')
    .describe('the machine it runs on, if others do too: two replicas of a slot never share one'),
  pm: z.array(z.string().min(1)).default(['127.0.0.1:9300']).describe('host:port of each placement manager'),
  clusterToken: z
    .string()
    .min(1)
    .optional()
    .describe('the secret shared by all processes of the cluster')
    .meta({ secret: true }),
  tlsCertFile: z
    .string()
    .optional()
    .describe('PEM certificate of this process for gRPC; mutual TLS with the two below'),
  tlsKeyFile: z.string().optional().describe('PEM key of this process'),
  tlsCaFile: z.string().optional().describe("PEM certificate of the cluster's own authority"),
  respTlsCertFile: z.string().optional().describe('PEM certificate for clients: both RESP ports speak TLS'),
  respTlsKeyFile: z.string().optional().describe('PEM key for clients'),
  protectedMode: z
    .boolean()
    .default(true)
    .describe('refuse clients from beyond loopback while table default has no password'),
  maxClients: z
    .int()
    .min(1)
    .max(100_000)
    .default(10_000)
    .describe('client connections at once, both RESP ports together'),
  electionTimeoutMs: ms(100, 1000).describe(
    'silence of a leader after which followers campaign, times 1 to 2',
  ),
  heartbeatMs: ms(10, 100).describe('between two heartbeats of a leader'),
  leaseMs: ms(10, 300).describe('how long a heartbeat ack promises no vote to others'),
  reads: z
    .enum(['lease', 'index'])
    .default('lease')
    .describe('lease: the leader answers alone while its lease holds; index: each read asks a majority'),
  asyncSendMs: ms(0, 20).describe(
    'how long entries of async tables wait to go to the followers together; nothing that WAIT waits for does',
  ),
  quiesceAfterMs: ms(1000, 10_000).describe('a slot that nobody used for so long goes to sleep'),
  peerSilenceMs: ms(200, 1500).describe('a peer that is connected and silent for so long is taken for gone'),
  requestTimeoutMs: ms(10, 5000).describe('after it a command is answered as not done or as uncertain'),
  noLeaderTimeoutMs: ms(0, 5000).describe('a slot without leader for so long answers CLUSTERDOWN'),
  drainNoticeMs: ms(0, 1000).describe(
    'how long a stopping node takes new clients while balancers notice that it is not ready',
  ),
  drainTimeoutMs: ms(0, 5000).describe('how long a stopping node serves clients that have not left'),
  proposalBytesMax: bytes(1024, 72 * MIB).describe('largest log entry'),
  entryBytesTarget: bytes(1024, 256 * 1024).describe('a log entry takes no further command beyond this'),
  uncommittedBytesMax: bytes(1024, 128 * MIB).describe('entries of one slot that wait for a majority'),
  inflightBytesMax: bytes(1024, 4 * MIB).describe(
    'entries of one slot sent to one follower and not acknowledged',
  ),
  logMemoryBytesMax: bytes(1024, 16 * MIB).describe(
    'applied entries kept in memory for followers, no more than a 64th of the pool or 4 MiB; the slots of the node share it. Small ones take twice what they count',
  ),
  logTailBytes: bytes(1024, 512 * MIB).describe(
    'applied entries kept on disk for followers that lag; the slots of the node share it',
  ),
  snapshotLogBytesMax: bytes(0, 128 * MIB).describe(
    'log of one slot kept beyond that while a snapshot of it is under way',
  ),
  snapshotBytesPerSecond: bytes(MIB, 64 * MIB).describe('pace of all snapshots that this node sends'),
  snapshotTransfersMax: z.int().min(1).max(64).default(2).describe('snapshots under way at once, each way'),
  binlogBytesMax: bytes(MIB, 1024 * MIB).describe(
    'the binlog is freed of what is no longer needed beyond this',
  ),
  segmentBytes: bytes(64 * 1024, 64 * MIB).describe('size of a binlog segment file'),
  freeBytesMin: bytes(0, 256 * MIB).describe('with less free disk than this, writes are refused'),
  poolBytes: bytes(MIB, 1024 * MIB).describe('records and pages in memory; the slots of the node share it'),
  dirtyBytesTarget: bytes(MIB, 64 * MIB).describe(
    'a checkpoint starts when the node has this much unwritten, or a quarter of the pool',
  ),
  dirtyBytesMax: bytes(MIB, 256 * MIB).describe(
    'applying waits for the checkpoint beyond this, or half of the pool',
  ),
  checkpointIntervalMs: ms(10, 5000).describe('between two checkpoints when little is dirty'),
  checkpointBytesMax: bytes(64 * 1024, 16 * MIB).describe(
    'size of a checkpoint batch; applying waits while its slot alone has this much to be written',
  ),
  outstandingRequestsMax: z
    .int()
    .min(1)
    .default(20_000)
    .describe('requests of one slot taken and not answered'),
  protoMaxBulkLen: bytes(1024, DEFAULT_PARSER_LIMITS.bulkBytesMax).describe('largest argument of a command'),
  clientOutputBufferMax: bytes(64 * 1024, DEFAULT_CONNECTION_LIMITS.replyBytesMax).describe(
    'replies a client may leave unread before it is cut off',
  ),
  enableDebugCommand: z
    .enum(['no', 'local', 'yes'])
    .default('no')
    .describe('who may use DEBUG: nobody, clients on this machine, or everybody'),
  logTo: z.enum(['file', 'stderr']).default('file').describe('<data-dir>/log, or standard error'),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('info').describe('least level that is logged'),
});

export type NodeConfig = z.output<typeof nodeConfigSchema>;

/** Of the clocks' different speeds, taken off the lease. */
const LEASE_MARGIN_SHARE = 0.2;
const TICK_MS = 20;
const PULSE_MS = 300;
/** An election takes a few round trips and two syncs; on a loaded machine that is tens of milliseconds. */
const CAMPAIGN_STAGGER_MS = 150;

/** What is dirty is in memory beside the pool, so a small pool keeps it small, too. */
export function dirtyBytesBound(config: Pick<NodeConfig, 'dirtyBytesMax' | 'poolBytes'>): number {
  return Math.min(config.dirtyBytesMax, config.poolBytes / 2);
}

/** A small pool is short of memory, and what followers ask for is in the file as well. */
export function logMemoryBytesBound(config: Pick<NodeConfig, 'logMemoryBytesMax' | 'poolBytes'>): number {
  return Math.min(config.logMemoryBytesMax, Math.max(4 * MIB, config.poolBytes / 64));
}

export function settingsOf(config: NodeConfig): NodeSettings {
  return {
    tickMs: TICK_MS,
    pulse: { pulseMs: PULSE_MS, peerSilenceMs: config.peerSilenceMs },
    reportIntervalMs: 1000,
    drainTimeoutMs: config.drainTimeoutMs,
    router: { requestTimeoutMs: config.requestTimeoutMs, noLeaderTimeoutMs: config.noLeaderTimeoutMs },
    slot: {
      raft: {
        electionTimeoutMs: config.electionTimeoutMs,
        heartbeatMs: config.heartbeatMs,
        leaseMs: config.leaseMs,
        leaseMarginMs: config.leaseMs * LEASE_MARGIN_SHARE,
        appendBytesMax: 256 * 1024,
        inflightBytesMax: config.inflightBytesMax,
        proposalBytesMax: config.proposalBytesMax,
        uncommittedBytesMax: config.uncommittedBytesMax,
        memoryBytesMax: logMemoryBytesBound(config),
        reads: config.reads,
        // On the grid of the heartbeats, which tell of it for nothing.
        commitNoticeMs: config.heartbeatMs,
        sendEveryMs: config.asyncSendMs,
        quiesceAfterMs: config.quiesceAfterMs,
      },
      entryBytesTarget: config.entryBytesTarget,
      outstandingRequestsMax: config.outstandingRequestsMax,
      readRoundsMax: 2,
      logTailBytes: config.logTailBytes,
      poolBytes: config.poolBytes,
      readBytesMax: config.clientOutputBufferMax,
      campaignStaggerMs: CAMPAIGN_STAGGER_MS,
    },
    snapshot: {
      chunkBytes: SNAPSHOT_CHUNK_BYTES_MAX,
      windowChunks: 8,
      bytesPerSecond: config.snapshotBytesPerSecond,
      silenceMs: 10_000,
      retryMs: 1000,
      logBytesMax: config.snapshotLogBytesMax,
      outgoingMax: config.snapshotTransfersMax,
      incomingMax: config.snapshotTransfersMax,
    },
    checkpoint: {
      checkpointIntervalMs: config.checkpointIntervalMs,
      checkpointBytesMax: config.checkpointBytesMax,
      dirtyBytesTarget: Math.min(config.dirtyBytesTarget, config.poolBytes / 4),
      dirtyBytesMax: dirtyBytesBound(config),
    },
    binlog: {
      segmentBytes: config.segmentBytes,
      binlogBytesMax: config.binlogBytesMax,
      freeBytesMin: config.freeBytesMin,
    },
    connection: {
      ...DEFAULT_CONNECTION_LIMITS,
      replyBytesMax: config.clientOutputBufferMax,
      parser: { ...DEFAULT_PARSER_LIMITS, bulkBytesMax: config.protoMaxBulkLen },
    },
  };
}
