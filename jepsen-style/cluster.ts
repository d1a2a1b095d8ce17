/**
 * A cluster as users have it: `talus start` in a process of its own, faults applied to real pids, and a killed
 * process started again with the configuration file that the launcher wrote for it.
 *
 * The harness stands outside: it knows the command line, the pid files, the RESP ports and nothing else.
 * Invariant: `expected` holds exactly the processes that should be running; one of them that is gone without
 * the harness having ended it is a crash, and is reported.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createWriteStream, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Disks } from './disks.js';
import { PeerProxies } from './peer-proxies.js';
import { freePorts } from './ports.js';
import { isAlive, mayBeOurs, packageRoot, signal, spawnLogged, waitForExit, waitUntil } from './processes.js';
import { type Address, RespClient } from './resp-client.js';
import { knowsTable, leadersOf, serves } from './topology.js';

export interface ClusterOptions {
  /** Data, logs and everything else of this cluster go below it. */
  readonly folder: string;
  readonly nodes: number;
  /** As in `--metadata`; undefined for the embedded store. */
  readonly metadata: string | undefined;
  /** The talus.js to start; undefined for this checkout's. */
  readonly program: string | undefined;
  /** Lines of every node's configuration file, beside those that the launcher writes. */
  readonly nodeSettings?: readonly string[];
  /** Peers reach each other through proxies, whose streams can be reset. */
  readonly withPeerProxies?: boolean;
  /** Each node keeps its data on a disk of its own, whose power can be cut. Needs root. */
  readonly withDisks?: boolean;
}

const READY_MS_MAX = 120_000;
const ANSWER_MS_MAX = 90_000;
const STOP_MS_MAX = 20_000;
const WATCH_MS = 250;
const READY_LINE = /(?<!not )ready\s*$/m;
const OUTPUT_KEPT_MAX = 65_536;
/** Where a node's ports lie from `--port`: RESP, cluster, peers, HTTP. */
const PORT_OFFSETS = [0, 100, 200, 400];
const PEER_PORT_OFFSET = 200;
const PEER_PROXY_PORT_OFFSET = 300;
const PM_PORT_OFFSETS = [600, 601];
/** A blocked node answers late, at the earliest when it wakes. */
const WAKE_MS_MAX = 10_000;

export class Cluster {
  readonly nodes: readonly Address[];
  private readonly expected = new Map<string, number>();
  private readonly restarted = new Set<ChildProcess>();
  private readonly crashed: string[] = [];
  /** Under load: faults are for its leaders. */
  private table = 'default';
  private watch: NodeJS.Timeout | undefined;

  /** Starts the processes; the cluster can be stopped from now on, and used after `untilReady`. */
  static async launch(options: ClusterOptions): Promise<Cluster> {
    const offsets = [...PORT_OFFSETS, PEER_PROXY_PORT_OFFSET].flatMap((base) =>
      Array.from({ length: options.nodes }, (_, node) => base + node),
    );
    const port = await freePorts([...offsets, ...PM_PORT_OFFSETS]);
    mkdirSync(join(options.folder, 'logs'), { recursive: true });
    const args = ['start', '--nodes', `${options.nodes}`, '--port', `${port}`];
    args.push('--pm-port', `${port + PM_PORT_OFFSETS[0]!}`, '--data-dir', join(options.folder, 'data'));
    if (options.metadata) args.push('--metadata', options.metadata);
    const disks = options.withDisks ? makeDisks(options) : undefined;
    prepareNodes(options, port);
    const proxies = options.withPeerProxies ? await startProxies(options.nodes, port) : undefined;
    const program = options.program ?? join(packageRoot(), 'bin', 'talus.js');
    const launcher = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    return new Cluster(options, port, launcher, program, proxies, disks);
  }

  private constructor(
    private readonly options: ClusterOptions,
    private readonly port: number,
    private readonly launcher: ChildProcess,
    private readonly program: string,
    private readonly proxies: PeerProxies | undefined,
    private readonly disks: Disks | undefined,
  ) {
    this.nodes = Array.from({ length: options.nodes }, (_, node) => ({
      host: '127.0.0.1',
      port: port + node,
    }));
  }

  /** Resolves when the launcher says so and every process has left its pid; rejects with its last words. */
  async untilReady(): Promise<void> {
    const log = createWriteStream(join(this.options.folder, 'logs', 'launcher.log'));
    let output = '';
    let isReady = false;
    this.launcher.stdout?.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-OUTPUT_KEPT_MAX);
      isReady ||= READY_LINE.test(output);
    });
    this.launcher.stdout?.pipe(log, { end: false });
    this.launcher.stderr?.pipe(log, { end: false });
    let ended: string | undefined;
    this.launcher.once('exit', (code, name) => {
      ended = `it ended with ${code ?? name}`;
    });
    this.launcher.once('error', (error) => {
      ended = error.message;
    });
    await waitUntil(() => isReady || ended !== undefined, READY_MS_MAX, 50);
    if (!isReady) {
      throw new Error(`the cluster is not ready: ${ended ?? 'time is over'}\n${this.lastWords('launcher')}`);
    }
    for (const name of this.names()) {
      const pid = this.readPid(name);
      if (pid === undefined) throw new Error(`no pid in ${join(this.folderOf(name), 'pid')}`);
      this.expected.set(name, pid);
    }
    this.disks?.settle();
    this.watch = setInterval(() => this.noticeCrashes(), WATCH_MS);
  }

  /** In async mode, and the one whose leaders count from now on; resolves when every node knows it. */
  async createTable(name: string, slots: number): Promise<void> {
    const words = ['table', 'create', name, '--mode', 'async', '--slots', `${slots}`];
    words.push('--pm', `127.0.0.1:${this.port + PM_PORT_OFFSETS[0]!}`);
    await promisify(execFile)(process.execPath, [this.program, ...words]);
    const isKnown = async (): Promise<boolean> =>
      (await Promise.all(this.nodes.map((node) => knowsTable(node, name)))).every(Boolean);
    if (!(await waitUntil(isKnown, ANSWER_MS_MAX, 100)))
      throw new Error(`not every node knows table ${name}`);
    this.table = name;
  }

  /** Processes that ended although nobody ended them. */
  get crashes(): readonly string[] {
    return this.crashed;
  }

  /** Numbers of nodes that should be running, 1 first. */
  get running(): number[] {
    return this.nodes.flatMap((_, index) => (this.expected.has(nodeName(index + 1)) ? [index + 1] : []));
  }

  /** How many hash slots of the table under load each node leads, by node number, as a running node tells it. */
  async leaders(): Promise<Map<number, number>> {
    const running = this.running.map((node) => this.nodes[node - 1]!);
    const slots = await leadersOf(running, this.table);
    const counts = new Map<number, number>();
    for (const [port, count] of slots) {
      // Cluster ports are advertised; a RESP port would do as well.
      const node = port >= this.port + 100 ? port - this.port - 99 : port - this.port + 1;
      if (node >= 1 && node <= this.nodes.length) counts.set(node, count);
    }
    return counts;
  }

  async kill(name: string): Promise<void> {
    const pid = this.expected.get(name);
    if (pid === undefined) throw new Error(`${name} is not running`);
    this.expected.delete(name);
    this.mustBeOurs(name, pid);
    signal(pid, 'SIGKILL');
    if (!(await waitForExit(pid, STOP_MS_MAX))) throw new Error(`${name}, pid ${pid}, survives SIGKILL`);
  }

  /** The power of these nodes and of their disks goes, at once and for all of them. */
  async cutPower(nodes: readonly number[]): Promise<void> {
    const pids = nodes.map((node) => {
      const pid = this.expected.get(nodeName(node));
      if (pid === undefined) throw new Error(`${nodeName(node)} is not running`);
      this.mustBeOurs(nodeName(node), pid);
      return pid;
    });
    for (const node of nodes) this.expected.delete(nodeName(node));
    this.disks!.cut(nodes);
    for (const pid of pids) signal(pid, 'SIGKILL');
    for (const pid of pids)
      if (!(await waitForExit(pid, STOP_MS_MAX))) throw new Error(`pid ${pid} survives SIGKILL`);
  }

  /** The disks are what the cut has left, and the nodes start on them. */
  async powerUp(nodes: readonly number[]): Promise<void> {
    await this.disks!.renew(nodes);
    for (const node of nodes) this.restart(nodeName(node));
  }

  pause(name: string): void {
    this.signalRunning(name, 'SIGSTOP');
  }

  resume(name: string): void {
    this.signalRunning(name, 'SIGCONT');
  }

  /** Blocks the node's event loop; resolves when it answers again. */
  async block(node: number, forMs: number): Promise<void> {
    const client = await RespClient.connect(this.nodes[node - 1]!, WAKE_MS_MAX + forMs);
    const outcome = await client.call('DEBUG', 'SLEEP', `${forMs / 1000}`);
    client.close();
    if (outcome.kind !== 'ok') throw new Error(`${nodeName(node)} was not blocked: ${outcome.error}`);
  }

  /** Resets the peers' connections that lead to these nodes. */
  resetStreams(nodes: readonly number[]): void {
    this.proxies?.reset(nodes);
  }

  /** Peers' connections that were reset; undefined without proxies. */
  get resetCount(): number | undefined {
    return this.proxies?.resetCount;
  }

  /** Starts a killed process again, as an operator would. */
  restart(name: string): void {
    const role = name.startsWith('pm') ? 'pm' : 'node';
    const config = join(this.folderOf(name), `${role}.yaml`);
    const child = spawnLogged(process.execPath, [this.program, role, '--config', config], this.logFile(name));
    child.on('error', () => {});
    if (child.pid === undefined) throw new Error(`${name} did not start`);
    this.restarted.add(child);
    this.expected.set(name, child.pid);
  }

  /** Waits until every running node serves; the numbers of those that never did. */
  async silentNodes(): Promise<number[]> {
    const answers = await Promise.all(
      this.running.map((node) => waitUntil(() => serves(this.nodes[node - 1]!), ANSWER_MS_MAX, 100)),
    );
    return this.running.filter((_, index) => !answers[index]);
  }

  async stop(): Promise<void> {
    await this.halt();
    this.proxies?.close();
    this.disks?.remove();
  }

  /** Ends every process and leaves the disks; the pids of those that had to be killed. Safe to call twice. */
  async halt(): Promise<readonly number[]> {
    clearInterval(this.watch);
    const pids = new Set(this.expected.values());
    for (const child of [this.launcher, ...this.restarted]) {
      if (child.pid === undefined || !isAlive(child.pid)) continue;
      child.kill('SIGCONT');
      child.kill('SIGTERM');
      pids.add(child.pid);
    }
    for (const name of this.names()) {
      const pid = this.readPid(name);
      if (pid !== undefined) pids.add(pid);
    }
    this.expected.clear();
    await waitUntil(() => ![...pids].some(isAlive), STOP_MS_MAX, 50);
    const left = [...pids].filter((pid) => isAlive(pid) && this.isOurs(pid));
    for (const pid of left) signal(pid, 'SIGKILL');
    return left;
  }

  /** Where the nodes keep their state, node 1 first. */
  get engineFolders(): readonly string[] {
    return this.nodes.map((_, index) => join(this.folderOf(nodeName(index + 1)), 'engine'));
  }

  private noticeCrashes(): void {
    for (const [name, pid] of this.expected) {
      if (isAlive(pid)) continue;
      this.expected.delete(name);
      this.crashed.push(`${name} (pid ${pid}) ended by itself; its last words:\n${this.lastWords(name)}`);
    }
  }

  private lastWords(name: string): string {
    const file = existsSync(this.logFile(name)) ? this.logFile(name) : this.logFile('launcher');
    return existsSync(file) ? readFileSync(file, 'utf8').slice(-2000) : '(none)';
  }

  private signalRunning(name: string, signalName: NodeJS.Signals): void {
    const pid = this.expected.get(name);
    if (pid === undefined) throw new Error(`${name} is not running`);
    this.mustBeOurs(name, pid);
    signal(pid, signalName);
  }

  private mustBeOurs(name: string, pid: number): void {
    if (!this.isOurs(pid)) throw new Error(`pid ${pid} of ${name} belongs to somebody else`);
  }

  /** Its title or its configuration file names it. */
  private isOurs(pid: number): boolean {
    return mayBeOurs(pid, ['talus', this.options.folder]);
  }

  private readPid(name: string): number | undefined {
    const file = join(this.folderOf(name), 'pid');
    const pid = existsSync(file) ? Number.parseInt(readFileSync(file, 'utf8'), 10) : Number.NaN;
    return Number.isInteger(pid) && pid > 1 ? pid : undefined;
  }

  private names(): string[] {
    return [...this.nodes.map((_, index) => nodeName(index + 1)), PM_NAME];
  }

  private folderOf(name: string): string {
    return join(this.options.folder, 'data', name);
  }

  private logFile(name: string): string {
    return join(this.options.folder, 'logs', `${name}.log`);
  }
}

export const PM_NAME = 'pm-1';
export const nodeName = (node: number): string => `node-${node}`;

/** The launcher keeps what it finds in a configuration file beside its own keys. */
function prepareNodes(
  { folder, nodes, nodeSettings = [], withPeerProxies }: ClusterOptions,
  port: number,
): void {
  for (let node = 1; node <= nodes; node++) {
    const lines = [...nodeSettings];
    if (withPeerProxies) lines.push(`advertise-peer-port: ${port + PEER_PROXY_PORT_OFFSET + node - 1}`);
    if (lines.length === 0) continue;
    const own = join(folder, 'data', nodeName(node));
    mkdirSync(own, { recursive: true });
    writeFileSync(join(own, 'node.yaml'), `${lines.join('\n')}\n`);
  }
}

/** Room for what a node keeps with its default bounds, and for its mark. Images are sparse. */
const DISK_MIB = 4096;

function makeDisks({ folder, nodes }: ClusterOptions): Disks {
  const folders = Array.from({ length: nodes }, (_, index) => join(folder, 'data', nodeName(index + 1)));
  return Disks.make(join(folder, 'disks'), folders, DISK_MIB);
}

function startProxies(nodes: number, port: number): Promise<PeerProxies> {
  const links = Array.from({ length: nodes }, (_, index) => ({
    port: port + PEER_PROXY_PORT_OFFSET + index,
    target: port + PEER_PORT_OFFSET + index,
  }));
  return PeerProxies.start(links);
}
