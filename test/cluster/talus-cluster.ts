/**
 * A cluster as a user starts it: `talus start` as a process, in a folder and on ports of its own.
 *
 * Whatever happens to the test, nothing stays behind: the launcher ends with this process's end of its standard input (and takes
 * its children along), and `stop` looks for processes that name the folder, kills what is left and says so.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../../jepsen-style/ports.js';
import { isAlive, packageRoot, signal, waitUntil } from '../../jepsen-style/processes.js';
import { type Address, RespClient } from '../../jepsen-style/resp-client.js';
import { processesNaming } from './processes.js';

export interface ClusterOptions {
  readonly nodes?: number;
  /** More words for `talus start`. */
  readonly args?: readonly string[];
  /** Settings for the processes: their environment beats their files. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly readyMsMax?: number;
  /** One that the caller made, and keeps: what an earlier cluster left in it goes on. */
  readonly folder?: string;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export const TALUS = join(packageRoot(), 'bin', 'talus.js');
const READY_MS_MAX = 90_000;
const STOP_MS_MAX = 30_000;
const OUTPUT_KEPT_MAX = 65_536;

export class TalusCluster {
  /** What the launcher has said since it was last started. */
  output = '';
  private launcher: ChildProcess | undefined;
  private exited: Promise<Exit> | undefined;
  private readonly single: ChildProcess[] = [];

  /** Resolves when the launcher says `ready`. */
  static async start(options: ClusterOptions = {}): Promise<TalusCluster> {
    const cluster = await TalusCluster.prepare(options);
    try {
      await cluster.launch();
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  /** A folder and ports, nothing started. */
  static async prepare(options: ClusterOptions = {}): Promise<TalusCluster> {
    const nodes = options.nodes ?? 3;
    const offsets = [0, 100, 200, 400].flatMap((base) => Array.from({ length: nodes }, (_, i) => base + i));
    const port = await freePorts([...offsets, 600, 601]);
    const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'talus-cluster-')));
    return new TalusCluster(folder, port, nodes, options);
  }

  private constructor(
    readonly folder: string,
    /** RESP port of node 1. */
    readonly port: number,
    readonly nodes: number,
    private readonly options: ClusterOptions,
  ) {}

  get dataDir(): string {
    return join(this.folder, 'data');
  }

  get pmPort(): number {
    return this.port + 600;
  }

  get pmAddress(): string {
    return `127.0.0.1:${this.pmPort}`;
  }

  httpPort(node: number): number {
    return this.port + 400 + node - 1;
  }

  /** The RESP ports' addresses, node 1 first. */
  get addresses(): readonly Address[] {
    return Array.from({ length: this.nodes }, (_, i) => ({ host: '127.0.0.1', port: this.port + i }));
  }

  /** As nodes tell cluster clients where to go. */
  get clusterAddresses(): readonly string[] {
    return this.addresses.map(({ host, port }) => `${host}:${port + 100}`);
  }

  /** Ready for clients, by its own word. */
  async isReady(node: number): Promise<boolean> {
    const signal = AbortSignal.timeout(1000);
    return fetch(`http://127.0.0.1:${this.httpPort(node)}/readyz`, { signal }).then(
      async (response) => {
        await response.arrayBuffer();
        return response.ok;
      },
      () => false,
    );
  }

  get launcherPid(): number {
    return this.launcher!.pid!;
  }

  /** Starts the launcher and waits for its `ready`; its last words when it ends instead. */
  async launch(): Promise<void> {
    this.spawnLauncher();
    let ended: Exit | undefined;
    void this.exited!.then((exit) => {
      ended = exit;
    });
    const isReady = (): boolean => /ready$/m.test(this.output);
    await waitUntil(() => isReady() || ended !== undefined, this.options.readyMsMax ?? READY_MS_MAX);
    if (!isReady()) throw new Error(`the cluster is not ready (${JSON.stringify(ended)}): ${this.output}`);
  }

  /** The launcher's end, for starts that must fail. */
  async launchToItsEnd(): Promise<Exit> {
    this.spawnLauncher();
    return this.exited!;
  }

  /** Starts one process again with the file that the launcher wrote for it. */
  startAgain(name: string): void {
    const kind = name.startsWith('pm') ? 'pm' : 'node';
    this.single.push(this.spawnTalus([kind, '--config', join(this.dataDir, name, `${kind}.yaml`)]));
  }

  /** Starts a node as `startAgain` does, by another program, which its parent can send messages to. */
  startOther(script: string, name: string, ...words: readonly string[]): ChildProcess {
    const child = this.spawnScript(script, [join(this.dataDir, name, 'node.yaml'), ...words], ['ipc']);
    this.single.push(child);
    return child;
  }

  /** The pid in a process's pid file, of a process that lives. */
  pidOf(name: string): number {
    const pid = Number(readFileSync(join(this.dataDir, name, 'pid'), 'utf8'));
    if (!isAlive(pid)) throw new Error(`${name}, pid ${pid}, is not running`);
    return pid;
  }

  get names(): readonly string[] {
    return ['pm-1', ...Array.from({ length: this.nodes }, (_, i) => `node-${i + 1}`)];
  }

  /** By name. */
  pids(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.names.map((name) => [name, this.pidOf(name)]));
  }

  /** Names of the pid files that are there. */
  pidFiles(): readonly string[] {
    return this.names.filter((name) => existsSync(join(this.dataDir, name, 'pid')));
  }

  /** Every process that names this cluster's folder in its command line, the launcher too. */
  processes(): readonly number[] {
    return processesNaming(this.folder);
  }

  /** A number that a node tells of itself on /metrics. */
  async metric(node: number, name: string): Promise<number> {
    const text = await (await fetch(`http://127.0.0.1:${this.httpPort(node)}/metrics`)).text();
    const value = new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1];
    if (value === undefined) throw new Error(`node-${node} tells no ${name}`);
    return Number(value);
  }

  async connect(node = 1, timeoutMs = 10_000): Promise<RespClient> {
    return RespClient.connect({ host: '127.0.0.1', port: this.port + node - 1 }, timeoutMs);
  }

  /** Ctrl-C: a terminal tells all that it started. */
  interrupt(): void {
    for (const pid of this.processes()) signal(pid, 'SIGINT');
  }

  /** How the launcher ended. */
  async launcherExit(): Promise<Exit> {
    return this.exited!;
  }

  /** Stops everything and removes the folder, if it made it; rejects when something had to be killed. */
  async stop(): Promise<void> {
    const killed = await this.halt();
    if (this.options.folder === undefined) await rm(this.folder, { recursive: true, force: true });
    if (killed.length > 0)
      throw new Error(`had to be killed: ${killed.join(', ')}; the launcher said: ${this.output}`);
  }

  /** Stops every process, also those that were started again by themselves. Answers who had to be killed. */
  async halt(): Promise<readonly number[]> {
    this.launcher?.kill('SIGTERM');
    for (const child of this.single) child.kill('SIGTERM');
    await waitUntil(() => this.processes().length === 0, STOP_MS_MAX);
    const left = this.processes();
    for (const pid of left) signal(pid, 'SIGKILL');
    await waitUntil(() => this.processes().length === 0, STOP_MS_MAX);
    return left;
  }

  private spawnLauncher(): void {
    const { port, pmPort, dataDir, nodes, options } = this;
    const args = ['start', '--port', `${port}`, '--pm-port', `${pmPort}`, '--data-dir', dataDir];
    this.output = '';
    const launcher = this.spawnTalus([...args, '--nodes', `${nodes}`, ...(options.args ?? [])]);
    this.launcher = launcher;
    this.exited = new Promise((resolve) =>
      launcher.once('close', (code, signalName) => resolve({ code, signal: signalName })),
    );
  }

  private spawnTalus(args: readonly string[]): ChildProcess {
    return this.spawnScript(TALUS, args, []);
  }

  private spawnScript(script: string, args: readonly string[], more: readonly 'ipc'[]): ChildProcess {
    const child = spawn(process.execPath, [script, ...args], {
      stdio: ['pipe', 'pipe', 'pipe', ...more],
      env: { ...process.env, ...this.options.environment, TALUS_STOP_WITH_STDIN: '1' },
    });
    const listen = (chunk: Buffer): void => {
      this.output = (this.output + chunk.toString()).slice(-OUTPUT_KEPT_MAX);
    };
    child.stdout!.on('data', listen);
    child.stderr!.on('data', listen);
    return child;
  }
}
