/**
 * Five nodes behind a balancer whose table default changes its number of replicas, and what must be on the disks afterwards.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { digestsAt } from '../../jepsen-style/engine-digests.js';
import { waitUntil } from '../../jepsen-style/processes.js';
import { Balancer } from './balancer.js';
import { type Habits, Load } from './load.js';
import { run } from './processes.js';
import { TALUS, TalusCluster } from './talus-cluster.js';

export const NODES = [1, 2, 3, 4, 5];
export const SLOTS = 16;
const WAIT_SECONDS = 180;
/** Replicas go, and what they held is cleared, some time after the members are as wished. */
const GONE_MS_MAX = 60_000;

export class ResizedCluster {
  static async start(): Promise<ResizedCluster> {
    const cluster = await TalusCluster.start({ nodes: NODES.length, args: ['--replicas', '3'] });
    const backends = NODES.map((node) => ({
      port: cluster.port + node - 1,
      httpPort: cluster.httpPort(node),
    }));
    return new ResizedCluster(cluster, await Balancer.start(backends));
  }

  private constructor(
    readonly cluster: TalusCluster,
    private readonly balancer: Balancer,
  ) {}

  async stop(): Promise<void> {
    this.balancer.close();
    await this.cluster.stop();
  }

  load(prefix: string, habits: Habits): Load {
    return new Load(this.balancer.port, prefix, habits);
  }

  /** The wish alone. */
  async wish(replicas: number): Promise<void> {
    const said = await this.talus('table', 'replicas', 'default', `${replicas}`);
    assert.match(said, new RegExp(`${replicas} replicas wished, the slots are changing`));
  }

  async changeTo(replicas: number): Promise<void> {
    const wait = ['--wait', '--timeout', `${WAIT_SECONDS}`];
    const said = await this.talus('table', 'replicas', 'default', `${replicas}`, ...wait);
    assert.match(said, new RegExp(`${replicas} replicas wished, every slot has them`));
  }

  /** How many each node holds. */
  async replicas(): Promise<readonly number[]> {
    return Promise.all(NODES.map((node) => this.cluster.metric(node, 'talus_replicas')));
  }

  async untilRemovedAreGone(replicas: number): Promise<void> {
    const isGone = await waitUntil(async () => sum(await this.replicas()) === replicas * SLOTS, GONE_MS_MAX);
    const held = await this.replicas();
    assert.ok(isGone, `replicas: ${held}`);
    assert.ok(Math.max(...held) - Math.min(...held) <= 1, `even: ${held}`);
  }

  /** Stops the processes and looks: so many equal copies of each slot, and nothing else. */
  async assertDisks(replicas: number): Promise<void> {
    const held = await this.replicas();
    assert.deepEqual(await this.cluster.halt(), []);
    const copies = new Map<string, number>();
    for (const node of NODES) {
      const digests = await digestsAt(join(this.cluster.dataDir, `node-${node}`, 'engine'));
      assert.equal(digests.length, held[node - 1], 'a state for each replica');
      for (const digest of digests) copies.set(digest, (copies.get(digest) ?? 0) + 1);
    }
    assert.equal(sum([...copies.values()]), replicas * SLOTS);
    assert.ok(
      [...copies.values()].every((count) => count % replicas === 0),
      `${[...copies.values()]}`,
    );
  }

  private async talus(...words: readonly string[]): Promise<string> {
    const outcome = await run(process.execPath, [TALUS, ...words, '--pm', this.cluster.pmAddress]);
    assert.deepEqual([outcome.code, outcome.stderr], [0, '']);
    return outcome.stdout;
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}
