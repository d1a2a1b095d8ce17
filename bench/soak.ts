/**
 * `npm run bench -- soak`: everything at once at full speed, for an hour, on three nodes with pools of 256 MiB; and nothing may
 * grow: memory, file handles, binlog, engine, disk.
 *
 *   --minutes 60   how long; from 60 on the plot goes into docs/img, too
 *   --pool-bytes   of each node
 *
 * Every few seconds each node is asked for its figures, which go to `bench/out/soak.csv` at once; every minute the plot is drawn anew
 * (`bench/out/soak.svg`) and the verdict written on what there is so far. So a run that is broken off has left its results. SIGINT
 * and SIGTERM end it in order.
 */
import { appendFileSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { packageRoot } from '../src/rpc/package-root.js';
import { TalusCluster } from '../test/cluster/talus-cluster.js';
import { PipelinedClient } from './pipeline.js';
import { type Chart, svgOf } from './plot.js';
import { Report, type Verdict } from './report.js';
import { outFolder, saveResults } from './results.js';
import { SoakLoad } from './soak-load.js';
import { FLAT_SHARE_MAX, riseOf } from './soak-verdict.js';
import { residentOf } from './watch.js';

const NODES = [1, 2, 3];
const SLOTS = 16;
const POOL_BYTES = 256 << 20;
/** Small enough to be reached within minutes: flat is what is at its bound. */
const BINLOG_BYTES_MAX = 256 << 20;
const SAMPLE_MS = 5000;
const SUMMARY_EVERY = 12;
const CLIENTS_A_NODE = 4;
const DEPTH = 16;
const SEED = 4711;
const FULL_MINUTES = 60;

/** What is looked at; `judged` ones must be flat. */
const FIGURES = [
  { name: 'resident', unit: 'MiB', scale: 2 ** 20, judged: true },
  { name: 'own', unit: 'MiB', scale: 2 ** 20, judged: true },
  { name: 'heap', unit: 'MiB', scale: 2 ** 20, judged: true },
  { name: 'external', unit: 'MiB', scale: 2 ** 20, judged: true },
  { name: 'handles', unit: 'open files', scale: 1, judged: true },
  { name: 'binlog', unit: 'MiB', scale: 2 ** 20, judged: true },
  { name: 'engine', unit: 'MiB', scale: 2 ** 20, judged: true },
  { name: 'disk', unit: 'MiB', scale: 2 ** 20, judged: true },
  { name: 'pool', unit: 'MiB', scale: 2 ** 20, judged: false },
  { name: 'dirty', unit: 'MiB', scale: 2 ** 20, judged: false },
  { name: 'keys', unit: 'keys', scale: 1, judged: false },
] as const;
type Figure = (typeof FIGURES)[number]['name'];

interface Row {
  readonly atSeconds: number;
  readonly perSecond: number;
  /** By node, from 1. */
  readonly nodes: readonly Readonly<Record<Figure, number>>[];
}

export async function runSoak(args: readonly string[]): Promise<Verdict> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: `${FULL_MINUTES}` },
      'pool-bytes': { type: 'string', default: `${POOL_BYTES}` },
    },
  });
  const minutes = Number(values.minutes);
  const cluster = await TalusCluster.start({
    args: ['--slots', `${SLOTS}`],
    environment: {
      TALUS_POOL_BYTES: values['pool-bytes'],
      TALUS_BINLOG_BYTES_MAX: `${BINLOG_BYTES_MAX}`,
      TALUS_LOG_TAIL_BYTES: `${BINLOG_BYTES_MAX / 2}`,
    },
  });
  const soak = new Soak(cluster, minutes, Number(values['pool-bytes']));
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => soak.endEarly(name));
  try {
    return await soak.run();
  } finally {
    await cluster.stop();
  }
}

class Soak {
  private readonly report = new Report('soak');
  private readonly rows: Row[] = [];
  private readonly csv = join(outFolder(), 'soak.csv');
  private brokenOffBy: string | undefined;
  private wake: () => void = () => {};

  constructor(
    private readonly cluster: TalusCluster,
    private readonly minutes: number,
    private readonly poolBytes: number,
  ) {}

  endEarly(why: string): void {
    this.brokenOffBy = why;
    this.wake();
  }

  async run(): Promise<Verdict> {
    const columns = NODES.flatMap((node) => FIGURES.map(({ name }) => `node-${node} ${name}`));
    writeFileSync(this.csv, `${['seconds', 'requests/s', ...columns].join(',')}\n`);
    const ports = NODES.map((node) => this.cluster.port + node - 1);
    const clients = await Promise.all(
      ports.flatMap((port) => Array.from({ length: CLIENTS_A_NODE }, () => PipelinedClient.open(port))),
    );
    const load = new SoakLoad(clients, DEPTH, SEED);
    try {
      await this.watch(load);
    } finally {
      await load.stop();
    }
    return this.finish(load);
  }

  private async watch(load: SoakLoad): Promise<void> {
    const startMs = performance.now();
    const endMs = startMs + this.minutes * 60_000;
    let before = { atMs: startMs, done: 0 };
    for (let count = 1; performance.now() < endMs && this.brokenOffBy === undefined; count++) {
      await this.rest(startMs + count * SAMPLE_MS - performance.now());
      const nowMs = performance.now();
      const perSecond = ((load.done - before.done) * 1000) / (nowMs - before.atMs);
      before = { atMs: nowMs, done: load.done };
      const nodes = await Promise.all(NODES.map((node) => this.sample(node)));
      this.note({ atSeconds: (nowMs - startMs) / 1000, perSecond, nodes });
      if (count % SUMMARY_EVERY === 0) this.summarise();
    }
  }

  private rest(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.max(0, delayMs));
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  private note(row: Row): void {
    this.rows.push(row);
    const figures = row.nodes.flatMap((node) => FIGURES.map(({ name }) => Math.round(node[name])));
    appendFileSync(
      this.csv,
      `${[row.atSeconds.toFixed(1), row.perSecond.toFixed(0), ...figures].join(',')}\n`,
    );
  }

  private async sample(node: number): Promise<Record<Figure, number>> {
    const pid = this.cluster.pidOf(`node-${node}`);
    const folder = join(this.cluster.dataDir, `node-${node}`);
    const told = await this.metrics(node);
    const { totalBytes, ownBytes } = residentOf(pid);
    const engine = bytesBelow(join(folder, 'engine'));
    return {
      resident: totalBytes,
      own: ownBytes,
      heap: told('nodejs_heap_size_used_bytes'),
      external: told('nodejs_external_memory_bytes'),
      handles: readdirSync(`/proc/${pid}/fd`).length,
      binlog: told('talus_binlog_bytes'),
      engine,
      disk: engine + bytesBelow(join(folder, 'binlog')) + bytesBelow(folder),
      pool: told('talus_pool_bytes'),
      dirty: told('talus_dirty_bytes'),
      keys: told('talus_keys'),
    };
  }

  /** One look at /metrics for all that is asked of it. */
  private async metrics(node: number): Promise<(name: string) => number> {
    const text = await (await fetch(`http://127.0.0.1:${this.cluster.httpPort(node)}/metrics`)).text();
    return (name) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
  }

  private summarise(): void {
    const last = this.rows.at(-1)!;
    const resident = last.nodes.map((node) => (node.resident / 2 ** 20).toFixed(0)).join(', ');
    const at = `${(last.atSeconds / 60).toFixed(0)} min`;
    this.report.line(
      `${at}: ${last.perSecond.toFixed(0)}/s, resident ${resident} MiB, ${last.nodes[0]!.keys} keys`,
    );
    this.draw();
  }

  private draw(): void {
    const minutes = ((this.rows.at(-1)?.atSeconds ?? 0) / 60).toFixed(0);
    const heading = `Soak: ${minutes} minutes, 3 nodes, pools of ${(this.poolBytes / 2 ** 20).toFixed(0)} MiB`;
    const svg = svgOf(heading, [...FIGURES.map((figure) => this.chart(figure)), this.rates()]);
    writeFileSync(join(outFolder(), 'soak.svg'), svg);
    if (this.brokenOffBy !== undefined || Number(minutes) < FULL_MINUTES - 1) return;
    const folder = join(packageRoot(), 'docs', 'img');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'soak.svg'), svg);
  }

  private chart({ name, unit, scale }: (typeof FIGURES)[number]): Chart {
    const series = NODES.map((node, at) => ({
      name: `node-${node}`,
      points: this.rows.map(({ atSeconds, nodes }) => [atSeconds / 60, nodes[at]![name] / scale] as const),
    }));
    return { title: name, unit, series };
  }

  private rates(): Chart {
    const points = this.rows.map(({ atSeconds, perSecond }) => [atSeconds / 60, perSecond] as const);
    return { title: 'requests', unit: 'a second, all clients', series: [{ name: 'all', points }] };
  }

  private finish(load: SoakLoad): Verdict {
    const { report } = this;
    this.draw();
    const minutes = (this.rows.at(-1)?.atSeconds ?? 0) / 60;
    report.line(`${load.done} requests in ${minutes.toFixed(1)} minutes; errors: ${load.errors || 'none'}`);
    if (this.brokenOffBy !== undefined) report.line(`broken off by ${this.brokenOffBy}`);
    const rows = FIGURES.map((figure) => this.judge(figure));
    report.holds(`${load.lost} connections lost`, load.lost === 0);
    report.holds(`errors: ${load.errors || 'none'}`, load.errors === '');
    saveResults({
      name: 'soak',
      settings: [
        `${minutes.toFixed(0)} minutes, 3 nodes, ${SLOTS} slots, pool-bytes ${this.poolBytes}, ${load.done} requests`,
        `flat: a line through the medians of the last half's minutes rises by at most ${FLAT_SHARE_MAX * 100} % of their mean`,
      ],
      columns: ['figure', 'unit', ...NODES.map((node) => `node-${node}: end (rise)`)],
      rows,
      goals: report.goals,
    });
    return report.finish();
  }

  private judge({ name, unit, scale, judged }: (typeof FIGURES)[number]): string[] {
    const cells = NODES.map((node, at) => {
      const samples = this.rows.map(({ atSeconds, nodes }) => ({ atSeconds, value: nodes[at]![name] }));
      const rise = riseOf(samples);
      const percent = `${(rise * 100).toFixed(1)} %`;
      const what = `${name} of node-${node} rises by ${percent} in the last half`;
      if (judged && Number.isNaN(rise))
        this.report.skipped(`${name} of node-${node}: too short for a verdict`);
      else if (judged) this.report.holds(what, rise <= FLAT_SHARE_MAX);
      return `${((samples.at(-1)?.value ?? Number.NaN) / scale).toFixed(0)} (${percent})`;
    });
    this.report.line(`${name.padEnd(10)} ${unit.padEnd(10)} ${cells.join('   ')}`);
    return [name, unit, ...cells];
  }
}

/** Files that lie in the folder itself, as far as they are still there. */
function bytesBelow(folder: string): number {
  let bytes = 0;
  for (const name of readdirSync(folder)) {
    try {
      const file = statSync(join(folder, name));
      if (file.isFile()) bytes += file.size;
    } catch {
      // Gone since it was listed.
    }
  }
  return bytes;
}
