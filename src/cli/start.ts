/**
 * `talus start`: a whole cluster on this machine, each node and PM a process of its own.
 *
 * Writes one YAML file a process, so that each can be stopped and started again alone; starts them; says `ready` when
 * every slot of table default has a leader; and takes all of them down with itself. A process that dies is reported with the
 * line that starts it again, not restarted: on a laptop a kill is somebody's experiment.
 */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { addConfigOptions, environmentName, loadConfig } from '../config.js';
import { silentLog } from '../env.js';
import { refuseLiveOwner, stopSignal } from '../process.js';
import { AdminClient } from '../rpc/admin-client.js';
import type { AdminCluster } from '../rpc/admin-wire.js';
import { loadSecurity } from '../rpc/credentials.js';
import { systemEnv } from '../system-env.js';
import { ChildProcesses } from './children.js';

const port = z.int().min(1).max(65535);

const startSchema = z.object({
  nodes: z.int().min(1).max(64).default(3).describe('node processes'),
  slots: z.int().min(1).max(16384).default(16).describe('slots of table default, when it is made'),
  replicas: z
    .literal([1, 3, 5, 7])
    .optional()
    .describe('replicas of table default (default 3, or the nodes or hosts if fewer)'),
  leader: z
    .string()
    .min(1)
    .optional()
    .describe('node that shall lead all slots, for example node-1 (default: leaders are spread)'),
  hosts: z
    .int()
    .min(1)
    .max(64)
    .optional()
    .describe('pretend that the nodes run on so many hosts: two replicas of a slot never share one'),
  port: port.default(9221).describe('RESP port of node 1; the others follow, cluster ports are 100 higher'),
  pmPort: port.default(9300).describe('gRPC port of PM; its HTTP port is one higher'),
  dataDir: z.string().min(1).default('./data').describe('folder for everything'),
  metadata: z
    .string()
    .regex(/^(embedded|etcds?:\/\/[^/\s]+(\/\S*)?)$/, '"embedded" or "etcd://host:port"')
    .default('embedded')
    .describe('where PM keeps metadata: embedded, or etcd://host:port'),
});

type StartConfig = z.output<typeof startSchema>;

const READY_POLL_MS = 200;
const READY_PATIENCE_MS = 60_000;

export function registerStart(program: Command): void {
  const command = program.command('start').description('run a whole cluster on this machine');
  addConfigOptions(command, startSchema).action(async (options: { readonly config?: string }) => {
    const config = loadConfig(startSchema, { file: options.config, flags: { ...options }, env: process.env });
    await run(config);
    process.exit(process.exitCode ?? 0);
  });
}

async function run(config: StartConfig): Promise<void> {
  checkPlaces(config);
  checkPorts(config);
  const stopped = stopSignal();
  const folder = resolve(config.dataDir);
  const token = await prepare(folder, config);
  const children = new ChildProcesses(childEnvironment(), config.nodes);
  let over = false;
  try {
    children.start('pm-1', ['pm', '--config', join(folder, 'pm-1', 'pm.yaml')]);
    for (const name of nodeNames(config))
      children.start(name, ['node', '--config', join(folder, name, 'node.yaml')]);
    const ready = waitUntilReady(config, token, () => over);
    const first = await Promise.race([ready, children.failure, stopped]);
    if (first instanceof Error) throw first;
    if (first !== undefined) announce(config, first);
    children.reportDeaths((name, how) => {
      const kind = name.startsWith('pm') ? 'pm' : 'node';
      const file = join(config.dataDir, name, `${kind}.yaml`);
      process.stdout.write(`${name} ${how}; start it again with: npx talus ${kind} --config ${file}\n`);
    });
    await stopped;
  } finally {
    over = true;
    await children.stop();
  }
}

/** Settings of the launcher are not settings of each process: TALUS_PORT would put them all on one port. */
function childEnvironment(): NodeJS.ProcessEnv {
  const own = new Set(Object.keys(startSchema.shape).map(environmentName));
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !own.has(name)));
}

function nodeNames(config: StartConfig): string[] {
  return Array.from({ length: config.nodes }, (_, i) => `node-${i + 1}`);
}

/** What cannot be is said at once, and not by a table that never gets ready. */
function checkPlaces(config: StartConfig): void {
  const { nodes, hosts, leader } = config;
  if (leader !== undefined && !nodeNames(config).includes(leader))
    throw new Error(`leader: ${JSON.stringify(leader)} is not one of node-1 to node-${nodes}`);
  if (hosts !== undefined && hosts > nodes)
    throw new Error(`hosts: ${hosts} are more than the ${nodes} nodes: choose more --nodes or fewer --hosts`);
  const replicas = replicasOf(config);
  if (hosts !== undefined && replicas > hosts)
    throw new Error(
      `replicas: ${replicas} need as many hosts, and --hosts is ${hosts}: two of a slot never share one`,
    );
}

function replicasOf({ replicas, nodes, hosts }: StartConfig): number {
  return replicas ?? Math.min(3, hosts ?? nodes);
}

/** Node 1 on host 1, node 2 on host 2, and round again. */
function hostOf({ hosts }: StartConfig, at: number): string | undefined {
  return hosts === undefined ? undefined : `host-${(at % hosts) + 1}`;
}

/** Two processes of ours on one port would be a riddle later. */
function checkPorts(config: StartConfig): void {
  const used = new Map<number, string>();
  const claim = (number: number, what: string): void => {
    const other = used.get(number);
    if (other !== undefined)
      throw new Error(`port ${number} is both ${other} and ${what}: choose another --port or --pm-port`);
    if (number > 65535) throw new Error(`port ${number} (${what}) is beyond 65535: choose a lower --port`);
    used.set(number, what);
  };
  claim(config.pmPort, "PM's gRPC port");
  claim(config.pmPort + 1, "PM's HTTP port");
  nodeNames(config).forEach((name, i) => {
    claim(config.port + i, `${name}'s RESP port`);
    claim(config.port + 100 + i, `${name}'s cluster port`);
    claim(config.port + 200 + i, `${name}'s peer port`);
    claim(config.port + 400 + i, `${name}'s HTTP port`);
  });
}

/** Folders, the cluster token and the YAML files; answers the token. */
async function prepare(folder: string, config: StartConfig): Promise<string> {
  const tokenFile = join(folder, 'cluster-token');
  // Before a file is touched: those of a cluster that runs are in use.
  for (const name of ['pm-1', ...nodeNames(config)]) refuseLiveOwner(join(folder, name));
  try {
    await mkdir(folder, { recursive: true });
    if (!existsSync(tokenFile))
      await writeFile(tokenFile, `${randomBytes(24).toString('base64url')}\n`, { mode: 0o600 });
    await writeConfig(folder, 'pm-1', 'pm.yaml', {
      'data-dir': join(folder, 'pm-1'),
      port: config.pmPort,
      metadata: config.metadata,
      'bootstrap-nodes': config.nodes,
      'default-table-slots': config.slots,
      'default-table-replicas': replicasOf(config),
      'preferred-leader': config.leader,
      'cluster-token-file': tokenFile,
    });
    for (const [i, name] of nodeNames(config).entries()) {
      await writeConfig(folder, name, 'node.yaml', {
        name,
        'data-dir': join(folder, name),
        port: config.port + i,
        pm: [`127.0.0.1:${config.pmPort}`],
        machine: hostOf(config, i),
        'cluster-token-file': tokenFile,
      });
    }
  } catch (why) {
    const { code } = why as NodeJS.ErrnoException;
    throw code === undefined ? why : new Error(`data-dir ${folder} cannot be written: ${code}`);
  }
  return (await readFile(tokenFile, 'utf8')).trim();
}

/** What the launcher decides is set, or taken out where it is undefined; what somebody added, comments too, stays. */
async function writeConfig(folder: string, name: string, file: string, settings: object): Promise<void> {
  await mkdir(join(folder, name), { recursive: true });
  const path = join(folder, name, file);
  const document = parseDocument(existsSync(path) ? await readFile(path, 'utf8') : '');
  // Not YAML, or no keys and values: the process would say so, but of a file that it did not write.
  if (document.errors.length > 0) throw new Error(`${path}: not YAML: ${document.errors[0]!.message}`);
  for (const [key, value] of Object.entries(settings)) {
    if (value === undefined) document.delete(key);
    else document.set(key, value);
  }
  await writeFile(path, String(document));
}

/** Polls PM until every slot of table default is led, or it is over; a PM that is not there yet is asked again. */
async function waitUntilReady(
  config: StartConfig,
  token: string,
  isOver: () => boolean,
): Promise<AdminCluster | undefined> {
  const env = systemEnv(silentLog);
  const security = loadSecurity({ clusterToken: token });
  const client = new AdminClient({
    addresses: [`127.0.0.1:${config.pmPort}`],
    security,
    env,
    timeoutMs: 2000,
  });
  const startedAtMs = env.monotonicMs();
  let warned = false;
  while (!isOver()) {
    const cluster = await client.getCluster().catch(() => undefined);
    const table = cluster?.tables.find(({ name }) => name === 'default');
    const led = table?.slotList.filter(({ leaderNodeId }) => leaderNodeId !== 0).length ?? 0;
    const alive = cluster?.nodes.filter((node) => node.alive).length ?? 0;
    if (cluster !== undefined && table !== undefined && led === table.slots && alive >= config.nodes) {
      client.close();
      return cluster;
    }
    if (!warned && env.monotonicMs() - startedAtMs > READY_PATIENCE_MS) {
      warned = true;
      process.stdout.write(
        `still waiting: ${alive} nodes up, ${led} slots led; the logs are in ${config.dataDir}/*/log\n`,
      );
    }
    await new Promise<void>((done) => env.after(READY_POLL_MS, done));
  }
  client.close();
  return undefined;
}

function announce(config: StartConfig, cluster: AdminCluster): void {
  const last = config.port + config.nodes - 1;
  const table = cluster.tables.find(({ name }) => name === 'default')!;
  const lines = [
    `${config.nodes} nodes and PM run here; data in ${config.dataDir}${placesOf(config)}`,
    `  any client      redis-cli -p ${config.port}            (ports ${config.port}-${last}: any node takes any key)`,
    `  cluster client  redis-cli -c -p ${config.port + 100}         (ports ${config.port + 100}-${last + 100})`,
    `  status          npx talus status${config.pmPort === 9300 ? '' : ` --pm 127.0.0.1:${config.pmPort}`}`,
    `  admin API       127.0.0.1:${config.pmPort} (gRPC with reflection), http://127.0.0.1:${config.pmPort + 1}/metrics`,
    `table default: ${table.slots} slots, ${table.replicas} replicas, every slot has a leader: ready`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

function placesOf({ leader, hosts }: StartConfig): string {
  const pretended = hosts === undefined ? '' : `; as on ${hosts} hosts`;
  return leader === undefined ? pretended : `${pretended}; ${leader} leads`;
}
