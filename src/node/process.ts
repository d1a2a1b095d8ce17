/**
 * A node process: the real sockets, disk and peers around a Node, and how it starts and stops.
 */
import { readFileSync } from 'node:fs';
import type { TlsOptions } from 'node:tls';
import { getHeapStatistics } from 'node:v8';
import type { Env } from '../env.js';
import { openProcessFolder, stopSignal } from '../process.js';
import type { Connection, RequestHandler } from '../resp/connection.js';
import { RespServer } from '../resp/server.js';
import { ReplyWriter } from '../resp/writer.js';
import { isLoopback, requireSafeListen, type Security, securityOf } from '../rpc/credentials.js';
import { GrpcTransport } from '../rpc/grpc-transport.js';
import { type OpsHttp, startOpsHttp } from '../rpc/ops-http.js';
import { type PeerServer, startPeerServer } from '../rpc/peer-service.js';
import { GrpcPlacementClient } from '../rpc/placement-client.js';
import type { Boot } from '../rpc/topology.js';
import type { PeerTransport } from '../rpc/transport.js';
import { isDamage } from '../storage/damage.js';
import { DiskFull } from '../storage/disk-full.js';
import { RESERVED_SHARE } from '../storage/disk-gauge.js';
import type { Engine } from '../storage/engine.js';
import type { Files } from '../storage/files.js';
import { nodeFiles } from '../storage/node-files.js';
import { openSteadyEngine } from '../storage/steady-engine.js';
import { systemEnv } from '../system-env.js';
import { addressOf, admitDataFolder, type Ports, portsOf } from './admission.js';
import { MIB, type NodeConfig, settingsOf } from './config.js';
import { raiseBoot } from './data-folder.js';
import { type EngineFolder, engineOf, suspectEngine } from './engine-life.js';
import { nodeView, type ProcessFigures } from './info.js';
import { boundHeapGrowth, heapBytesLacking, openTablesMax, writeBufferBytes } from './memory-bounds.js';
import { nodeMetrics } from './metrics.js';
import { type Identity, Node, type NodeWorld } from './node.js';
import { requireFreePort } from './port-check.js';
import type { Port } from './session.js';

/** How long a stopping node tries to hand its leaderships over. */
const RESIGN_MS = 2000;
const CONNECTIONS_LEFT_CHECK_MS = 50;
/** An engine that is opened again may write two full memory tables out, and some small files. */
const ENGINE_ROOM_BYTES = 48 * 1024 * 1024;

/** What a node's process keeps its data on. */
export interface NodeDisk {
  readonly files: Files;
  engine(env: Env, fatal: (why: unknown) => void): EngineFolder;
}

/** Runs until SIGTERM or SIGINT. Rejects with one line when it cannot start. */
export async function runNode(config: NodeConfig, disk = realDisk(config)): Promise<void> {
  const stopped = stopSignal();
  const { boot } = await admitDataFolder(config, addressOf(config));
  const folder = await openProcessFolder({ ...config, process: config.name });
  const env = systemEnv(folder.log);
  warnOfSmallHeap(config, env);
  const endBound = boundHeapGrowth(env, config.poolBytes);
  const fatal = (why: unknown): void => {
    // Only what is given up because the process stops is told so; it is in the binlog, or was promised to nobody.
    if (why instanceof DiskFull) return env.log.warn('stopped before there was room on the disk', {});
    // Whatever was acknowledged is on disk; going on with a broken invariant could lose it.
    if (isDamage(why)) suspectEngine(config.dataDir);
    folder.log.error('fatal', { why: why instanceof Error ? why.stack : String(why) });
    process.stderr.write(
      `talus: ${config.name} stops: ${why instanceof Error ? why.message : String(why)}\n`,
    );
    process.exit(2);
  };
  process.on('uncaughtException', fatal);
  process.on('unhandledRejection', fatal);
  const running = new NodeProcess(config, env, disk, fatal);
  try {
    await running.start(boot);
  } catch (why) {
    endBound();
    await folder.close();
    throw why;
  }
  env.log.info('node started', { port: running.ports.resp, clusterPort: running.ports.cluster });
  await stopped;
  env.log.info('node stops');
  await running.stop();
  endBound();
  await folder.close();
}

function warnOfSmallHeap(config: NodeConfig, env: Env): void {
  const { heap_size_limit: limitBytes } = getHeapStatistics();
  const lackingBytes = heapBytesLacking(config, limitBytes);
  if (lackingBytes === 0) return;
  env.log.warn('the heap is too small for the pool: V8 ends the process when it is full', {
    poolBytes: config.poolBytes,
    heapBytesMax: limitBytes,
    remedy: `a smaller pool-bytes, or NODE_OPTIONS=--max-old-space-size=${Math.ceil((limitBytes + lackingBytes) / MIB)}`,
  });
}

export function realDisk({ dataDir, poolBytes }: NodeConfig): NodeDisk {
  const options = { openFilesMax: openTablesMax(poolBytes), writeBufferBytes: writeBufferBytes(poolBytes) };
  return { files: nodeFiles(dataDir), engine: (env, fatal) => engineOf(dataDir, options, env, fatal) };
}

class NodeProcess {
  readonly ports: Ports;
  private readonly security: Security;
  private readonly servers: RespServer[] = [];
  private connectionId = 0;
  private node!: Node;
  private http: OpsHttp | undefined;
  private peers: PeerServer | undefined;
  private transport: GrpcTransport | undefined;
  private boot!: Boot;
  private readonly startedAtMs: number;

  constructor(
    private readonly config: NodeConfig,
    private readonly env: Env,
    private readonly disk: NodeDisk,
    private readonly fatal: (why: unknown) => void,
  ) {
    this.ports = portsOf(config);
    this.security = securityOf(config);
    this.startedAtMs = env.monotonicMs();
  }

  /** `last`: the folder's last start. */
  async start(last: Boot | undefined): Promise<void> {
    const { config, env } = this;
    const figures = this.figures();
    const makeView = (node: () => Node): Node['view'] => nodeView(node, config, figures);
    // Ports first: one in use is said before anything is written.
    requireSafeListen(this.security, config.host, 'the peer port');
    await requireFreePort('the peer port', config.host, this.ports.peer);
    await requireFreePort('the HTTP port', config.host, this.ports.http);
    const tls = clientTls(config);
    for (const [port, kind] of [
      [this.ports.resp, 'plain'],
      [this.ports.cluster, 'cluster'],
    ] as const) {
      this.servers.push(await this.listen(port, kind, tls));
    }
    this.boot = await raiseBoot(nodeFiles(config.dataDir), last, env.random);
    this.node = await Node.open(this.world(), settingsOf(config), makeView, process.pid);
    this.http = await startOpsHttp({
      host: config.host,
      port: this.ports.http,
      metrics: nodeMetrics(this.node, figures),
      health: () => ({ ok: true, reasons: [] }),
      ready: () => {
        const reasons = this.node.unreadiness();
        return { ok: reasons.length === 0, reasons };
      },
    });
    env.log.info('ports open', this.ports);
  }

  /** Not ready first; leaderships handed over; clients given time to leave; then everything closes. */
  async stop(): Promise<void> {
    // A balancer that has not asked /readyz since still sends clients, also to a node that has none at the moment.
    const noticedAtMs = this.env.monotonicMs() + this.config.drainNoticeMs;
    await this.node.resign(RESIGN_MS);
    const deadlineMs = this.env.monotonicMs() + this.config.drainTimeoutMs;
    const isNeeded = (nowMs: number): boolean =>
      nowMs < noticedAtMs || (this.connections() > 0 && nowMs < deadlineMs);
    while (isNeeded(this.env.monotonicMs())) {
      // Again: an election or an order given before may have made this node a leader once more.
      await this.node.resign(CONNECTIONS_LEFT_CHECK_MS);
      await new Promise<void>((resolve) => this.env.after(CONNECTIONS_LEFT_CHECK_MS, resolve));
    }
    await Promise.all(this.servers.map((server) => server.stop(1000)));
    await this.node.close();
    await this.peers?.close();
    await this.http?.close();
  }

  private world(): NodeWorld {
    const { config, disk, env, security } = this;
    return {
      env,
      files: disk.files,
      name: config.name,
      ...this.steadyEngine(),
      connectPeers: (identity) => this.connectPeers(identity),
      placement: (registrationKey, identity) =>
        new GrpcPlacementClient({
          addresses: config.pm,
          security,
          env,
          registrationKey,
          ...(identity === undefined ? {} : { identity }),
          address: addressOf(config),
          boot: this.boot,
          outdated: (why) => this.fatal(new Error(why)),
        }),
      fatal: this.fatal,
    };
  }

  /** A full disk is waited for; what is opened again after it is what was opened first. */
  private steadyEngine(): EngineFolder {
    const { config, disk, env } = this;
    const folder = disk.engine(env, this.fatal);
    const steady = (open: () => Promise<Engine>): Promise<Engine> =>
      openSteadyEngine({
        env,
        open,
        freeBytes: () => disk.files.freeBytes(),
        roomBytes: Math.min(ENGINE_ROOM_BYTES, config.freeBytesMin * RESERVED_SHARE),
      });
    return {
      openEngine: () => steady(() => folder.openEngine()),
      renewEngine: () => {
        let open = (): Promise<Engine> => folder.renewEngine();
        return steady(() => {
          const now = open;
          open = () => folder.openEngine();
          return now();
        });
      },
    };
  }

  private async connectPeers(identity: Identity): Promise<PeerTransport> {
    const { config, env, security } = this;
    const outdated = (why: string): void => this.fatal(new Error(why));
    const transport = new GrpcTransport({
      env,
      identity: { ...identity, boot: this.boot },
      security,
      outdated,
    });
    this.transport = transport;
    this.peers = await startPeerServer({ host: config.host, port: this.ports.peer, security, transport });
    return transport;
  }

  private async listen(port: number, kind: Port, tls: TlsOptions | undefined): Promise<RespServer> {
    const { config, env } = this;
    const server = new RespServer({
      host: config.host,
      port,
      maxClients: config.maxClients,
      limits: settingsOf(config).connection,
      env,
      nextConnectionId: () => ++this.connectionId,
      writer: new ReplyWriter(),
      open: (connection) => this.open(connection, kind),
      ...(tls === undefined ? {} : { tls }),
    });
    await server.listen();
    return server;
  }

  /** Decided by each request and not once: a client that came while the data was being opened stays. */
  private open(connection: Connection, kind: Port): RequestHandler {
    let session: RequestHandler | undefined;
    const current = (): RequestHandler => {
      if (session !== undefined) return session;
      if (this.node === undefined) return LOADING;
      session = this.admit(connection, kind);
      return session;
    };
    // At once where it can be: the session says how much a stranger may send. Before that nobody may send much.
    if (this.node === undefined) connection.authenticated = false;
    else current();
    return { execute: (argv, answer) => current().execute(argv, answer), closed: () => session?.closed() };
  }

  private admit(connection: Connection, kind: Port): RequestHandler {
    const stranger = !isLoopback(connection.remoteAddress.replace(/:\d+$/, ''));
    const openToAll = this.node.topology().tableById(0)?.passwordHash === undefined;
    if (this.config.protectedMode && stranger && openToAll) return refusing(PROTECTED);
    return this.node.openSession(connection, kind);
  }

  private connections(): number {
    return this.servers.reduce((sum, server) => sum + server.connectionCount, 0);
  }

  private figures(): ProcessFigures {
    return {
      pid: process.pid,
      port: this.ports.resp,
      connections: () => this.connections(),
      counters: () => {
        const all = this.servers.map((server) => server.counters());
        const sum = (of: 'connectionsAccepted' | 'connectionsRejected' | 'requests'): number =>
          all.reduce((total, counters) => total + counters[of], 0);
        return {
          connectionsAccepted: sum('connectionsAccepted'),
          connectionsRejected: sum('connectionsRejected'),
          requests: sum('requests'),
        };
      },
      memoryBytes: () => process.memoryUsage.rss(),
      sent: () => this.transport?.figures ?? { messages: 0, frames: 0, bytes: 0 },
      uptimeSeconds: () => (this.env.monotonicMs() - this.startedAtMs) / 1000,
    };
  }
}

const PROTECTED =
  'DENIED Talus is running in protected mode because protected-mode is on and table default has no password. Connect from ' +
  'the machine itself, set a password, or start the node with --protected-mode false.';

const LOADING = refusing('LOADING Talus is loading the dataset in memory');

function refusing(text: string): RequestHandler {
  return {
    execute: (_argv, answer) => {
      answer({ kind: 'error', text });
      return 'go';
    },
    closed: () => {},
  };
}

function clientTls(config: NodeConfig): TlsOptions | undefined {
  const { respTlsCertFile, respTlsKeyFile } = config;
  if (respTlsCertFile === undefined && respTlsKeyFile === undefined) return undefined;
  if (respTlsCertFile === undefined || respTlsKeyFile === undefined) {
    throw new Error('resp-tls-cert-file and resp-tls-key-file go together: set both or none');
  }
  try {
    return { cert: readFileSync(respTlsCertFile), key: readFileSync(respTlsKeyFile) };
  } catch (why) {
    throw new Error(`resp-tls: ${(why as Error).message}`);
  }
}
