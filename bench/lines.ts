/**
 * `npm run bench -- lines [--only 1,2]`: what the project has promised itself about its speed, line by line, each with its goal.
 *
 * Three replicas, syncs on, 16 slots, 64-byte values, 100,000 keys. Where nothing else is said node 1 leads all slots and the clients
 * go to it, as the clients of Redis and etcd go to theirs. A line whose peer is not here is skipped, which is not a goal met.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { signal, waitUntil } from '../jepsen-style/processes.js';
import { type Comparison, compare, fill, type LoadSpec, ratio, warmUp } from './comparison.js';
import { comparisonLines } from './comparison-text.js';
import { Fleet } from './fleet.js';
import { writeRun } from './out.js';
import type { Peer, Servers, Via } from './peers/peer.js';
import { type Slowness, SlowTalus } from './peers/slow-talus.js';
import { type TalusOptions, TalusServers } from './peers/talus.js';
import type { LagWindow } from './profile/agent.js';
import { Report, type Verdict } from './report.js';

const TALUS: TalusOptions = { slots: 16, nodes: 3, leaders: 'one' };
const MANY_SLOTS = 1024;
const MANY_SLOTS_READY_MS_MAX = 300_000;
const FORWARDS_LEAST = 0.5;
const WRITTEN_MS_MAX = 30_000;
const AGENT = new URL('./profile/agent.js', import.meta.url).href;

interface Options {
  readonly seconds: number;
  readonly rounds: number;
  /** Of the long run at half of peak load. */
  readonly minutes: number;
}

export async function runLines(args: readonly string[]): Promise<Verdict> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string', default: '1,2,3,4,5,6,7,8,9' },
      seconds: { type: 'string', default: '10' },
      rounds: { type: 'string', default: '3' },
      minutes: { type: 'string', default: '10' },
    },
  });
  const { seconds, rounds, minutes } = values;
  const options = { seconds: Number(seconds), rounds: Number(rounds), minutes: Number(minutes) };
  const lines = new Lines(options);
  for (const number of values.only.split(',')) await lines.run(Number(number));
  return lines.finish();
}

class Lines {
  private readonly report = new Report('lines');
  private readonly comparisons: Comparison[] = [];
  private readonly skipped: string[] = [];
  private readonly warm = new WeakSet<Peer>();

  constructor(private readonly options: Options) {}

  async run(number: number): Promise<void> {
    const line = [
      () => this.besideWait(),
      () => this.besideEtcd(),
      () => this.pipelined(),
      () => this.reads(),
      () => this.async(),
      () => this.spread(),
      () => this.steady(),
      () => this.slowWorld(),
      () => this.commands(),
    ][number - 1];
    if (line === undefined) throw new Error(`--only: ${number} is none of 1 to 9`);
    await line();
  }

  finish(): Verdict {
    const { options, comparisons, skipped } = this;
    this.report.line(`written to ${writeRun({ what: 'lines', options, comparisons, skipped })}`);
    return this.report.finish();
  }

  private async besideWait(): Promise<void> {
    await this.withFleet('1', ['redis-wait'], async (peers) => {
      for (const [connections, least] of [
        [1, 0.65],
        [50, 0.8],
        [200, 0.85],
      ] as const) {
        const figures = await this.compare(peers, { connections });
        this.report.ratioAtLeast(
          `1. SET, ${connections} connections, to Redis + WAIT 1`,
          ratio(figures, 'talus', 'redis-wait'),
          least,
          1,
        );
      }
    });
  }

  private async besideEtcd(): Promise<void> {
    await this.withFleet('2', ['etcd'], async (peers) => {
      for (const connections of [200, 1000]) {
        const figures = await this.compare(peers, { connections });
        this.report.ratioAtLeast(
          `2. SET, ${connections} clients, to etcd`,
          ratio(figures, 'talus', 'etcd'),
          5,
          8,
        );
      }
    });
  }

  private async pipelined(): Promise<void> {
    await this.withFleet('3', ['redis-async'], async (peers) => {
      const figures = await this.compare(peers, { pipeline: 16 });
      this.report.ratioAtLeast(
        '3. SET, 50 x 16 pipelined, to Redis without WAIT',
        ratio(figures, 'talus', 'redis-async'),
        0.3,
        0.5,
      );
    });
  }

  private async reads(): Promise<void> {
    await this.withFleet('4', ['redis-async', 'ceiling'], async (peers) => {
      for (const peer of peers) await fill(peer, this.load({}).keys, this.load({}).valueBytes);
      const plain = await this.compare(peers, { mix: 'get' });
      this.report.ratioAtLeast(
        '4. GET, 50 connections, to Redis',
        ratio(plain, 'talus', 'redis-async'),
        0.55,
        0.7,
      );
      const pipelined = await this.compare(peers, { mix: 'get', pipeline: 16 });
      this.report.ratioAtLeast(
        '4. GET, 50 x 16 pipelined, to the ceiling',
        ratio(pipelined, 'talus', 'ceiling'),
        0.6,
        0.6,
      );
    });
  }

  private async async(): Promise<void> {
    await this.withFleet('5', ['talus-async', 'redis-everysec'], async (peers) => {
      const figures = await this.compare(
        peers.filter(({ name }) => name !== 'talus'),
        {},
      );
      this.report.ratioAtLeast(
        '5. async SET, 50 connections, to Redis with everysec',
        ratio(figures, 'talus-async', 'redis-everysec'),
        0.45,
        0.7,
      );
    });
  }

  /** A cluster client with leaders spread, and a client whose node leads nothing. */
  private async spread(): Promise<void> {
    const leaders = 'spread';
    await this.withServers([new TalusServers({ ...TALUS, leaders })], async ([talus]) => {
      const figures = await this.compare([byWay(talus!, 'cluster'), byWay(talus!, 'one')], {
        connections: 200,
      });
      const value = ratio(figures, 'talus via cluster', 'talus via one');
      this.report.ratioAtLeast(
        '6. leaders spread, 200 connections: cluster clients to one node',
        value,
        1.2,
        1.2,
      );
    });
    await this.withServers([new TalusServers(TALUS)], async ([talus]) => {
      const figures = await this.compare([byWay(talus!, 'other'), byWay(talus!, 'one')], {
        connections: 200,
      });
      const value = ratio(figures, 'talus via other', 'talus via one');
      this.report.ratioAtLeast(
        '6. 200 connections: all forwarded to leader-local',
        value,
        FORWARDS_LEAST,
        FORWARDS_LEAST,
      );
    });
  }

  private async steady(): Promise<void> {
    await this.halfOfPeak();
    const many = { ...TALUS, slots: MANY_SLOTS, readyMsMax: MANY_SLOTS_READY_MS_MAX };
    await this.withServers([new TalusServers(TALUS), new TalusServers(many)], async ([few, lots]) => {
      const figures = await this.compare([few!, { ...lots!, name: `talus, ${MANY_SLOTS} slots` }], {});
      const value = ratio(figures, `talus, ${MANY_SLOTS} slots`, 'talus');
      this.report.ratioAtLeast(`7. SET, 50 connections: ${MANY_SLOTS} slots to 16`, value, 0.6, 0.6);
    });
  }

  private async halfOfPeak(): Promise<void> {
    const folder = mkdtempSync(join(tmpdir(), 'talus-lag-'));
    const environment = {
      NODE_OPTIONS: `--import=${AGENT}`,
      TALUS_PROFILE_DIR: folder,
      TALUS_PROFILE_KINDS: 'lag',
    };
    const servers = new TalusServers({ ...TALUS, environment });
    try {
      await this.withServers([servers], async ([talus]) => {
        const { peers } = await this.compare([talus!], { generator: 'own' });
        const rate = Math.floor(peers[0]!.perSecond / 2);
        const load = this.load({ generator: 'own', rate, seconds: this.options.minutes * 60 });
        const nodes = servers.cluster.names.filter((name) => name.startsWith('node-'));
        const toggle = (): void => {
          for (const name of nodes) signal(servers.cluster.pidOf(name), 'SIGUSR2');
        };
        toggle();
        const figures = await compare(load, [talus!], 1);
        toggle();
        this.note(figures);
        this.report.goal(`7. p99 at half of peak (${rate}/s), open loop`, figures.peers[0]!.p99Ms, 5, 'ms');
        for (const name of nodes) {
          const { lagMs } = await lagOf(join(folder, `${name}-lag.json`));
          this.report.goal(`7. event-loop delay of ${name}, p99.9`, lagMs.p999, 50, 'ms');
        }
      });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }

  /** Beside a cluster on loopback; the delayed follower beside one whose proxies delay nothing, for proxies cost too. */
  private async slowWorld(): Promise<void> {
    const slow = (slowness: Slowness): SlowTalus => new SlowTalus(TALUS, slowness);
    const far = slow({ linkMs: [1, 1, 1], syncMs: 2 });
    await this.withServers([new TalusServers(TALUS), far], async ([near, away]) => {
      const figures = await this.compare([near!, { ...away!, name: 'talus, slow' }], { connections: 200 });
      const value = ratio(figures, 'talus, slow', 'talus');
      this.report.ratioAtLeast(
        '8. SET, 200 connections: 1 ms a link and 2 ms a sync to loopback',
        value,
        0.5,
        0.5,
      );
    });
    const [even, lame] = [slow({ linkMs: [0, 0, 0], syncMs: 0 }), slow({ linkMs: [0, 0, 200], syncMs: 0 })];
    await this.withServers([even, lame], async ([near, away]) => {
      const figures = await this.compare([near!, { ...away!, name: 'talus, one late' }], {
        connections: 200,
      });
      const value = ratio(figures, 'talus, one late', 'talus');
      this.report.ratioAtLeast(
        '8. SET, 200 connections: one follower late by 200 ms to none',
        value,
        0.9,
        0.9,
      );
    });
  }

  private async commands(): Promise<void> {
    const others = ['incr', 'hset', 'sadd', 'zadd', 'lpush'];
    await this.withServers([new TalusServers(TALUS)], async ([talus]) => {
      const asked = ['set', ...others].map((mix) => ({ ...talus!, name: mix, mix }));
      const figures = await this.compare(asked, {});
      for (const mix of others)
        this.report.ratioAtLeast(
          `9. ${mix.toUpperCase()}, 50 connections, to SET`,
          ratio(figures, mix, 'set'),
          0.7,
          0.7,
        );
    });
  }

  private load(more: Partial<LoadSpec>): LoadSpec {
    const { seconds } = this.options;
    const sizes = { valueBytes: 64, keys: 100_000, connections: 50, pipeline: 1 };
    return { mix: 'set', ...sizes, seconds, via: 'one', generator: 'auto', ...more };
  }

  private async compare(peers: readonly Peer[], more: Partial<LoadSpec>): Promise<Comparison> {
    const load = this.load(more);
    await warmUp(
      load,
      peers.filter((peer) => !this.warm.has(peer)),
    );
    for (const peer of peers) this.warm.add(peer);
    const figures = await compare(load, peers, this.options.rounds);
    this.note(figures);
    return figures;
  }

  private note(figures: Comparison): void {
    this.comparisons.push(figures);
    for (const line of comparisonLines(figures)) this.report.line(line);
  }

  /** Talus and the named peers; skipped as a whole when one of them is not here. */
  private async withFleet(
    line: string,
    names: readonly string[],
    measure: (peers: readonly Peer[]) => Promise<void>,
  ): Promise<void> {
    const fleet = new Fleet(TALUS);
    try {
      const peers = await fleet.peers(['talus', ...names]);
      if (fleet.skipped.length === 0) await measure(peers);
      for (const why of fleet.skipped) {
        this.skipped.push(why);
        this.report.skipped(`${line}. ${why}`);
      }
    } finally {
      await fleet.stop();
    }
  }

  private async withServers(
    servers: readonly Servers[],
    measure: (peers: readonly Peer[]) => Promise<void>,
  ): Promise<void> {
    try {
      const peers: Peer[] = [];
      for (const server of servers) peers.push((await server.peer('talus'))!);
      await measure(peers);
    } finally {
      for (const server of servers) await server.stop();
    }
  }
}

function byWay(peer: Peer, via: Via): Peer {
  return { ...peer, name: `${peer.name} via ${via}`, targets: () => peer.targets(via) };
}

async function lagOf(file: string): Promise<LagWindow> {
  const isWritten = (): boolean => {
    try {
      return readFileSync(file).length > 0;
    } catch {
      return false;
    }
  };
  if (!(await waitUntil(isWritten, WRITTEN_MS_MAX, 100))) throw new Error(`${file} was not written`);
  return JSON.parse(readFileSync(file, 'utf8')) as LagWindow;
}
