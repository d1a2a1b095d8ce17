/**
 * Talus as a user starts it: `talus start`, three nodes, in a folder of its own. `talus` is its default table, `talus-async` a table
 * in async mode beside it.
 */
import { waitUntil } from '../../jepsen-style/processes.js';
import { hashRangeOfSlot } from '../../src/slot/hash.js';
import { leadersBySlot, settledLeaders } from '../../test/cluster/leaders.js';
import { run } from '../../test/cluster/processes.js';
import { type ClusterOptions, TALUS, TalusCluster } from '../../test/cluster/talus-cluster.js';
import type { Target } from '../load/plan.js';
import { NotHere, type Peer, type Servers, type Via } from './peer.js';

export interface TalusOptions extends ClusterOptions {
  readonly slots: number;
  /** `one`: node 1 leads all slots that it holds; `spread`: as many each. */
  readonly leaders: 'one' | 'spread';
}

const ASYNC_TABLE = 'bench-async';
const LEADERS_MS_MAX = 120_000;

export class TalusServers implements Servers {
  private started: TalusCluster | undefined;

  constructor(private readonly options: TalusOptions) {}

  get cluster(): TalusCluster {
    if (this.started === undefined) throw new Error('talus is not started');
    return this.started;
  }

  async peer(name: string): Promise<Peer | undefined> {
    if (name !== 'talus' && name !== 'talus-async') return undefined;
    if (this.started === undefined) await this.start();
    const greeting = name === 'talus-async' ? await this.asyncTable() : undefined;
    const promise =
      name === 'talus'
        ? 'on the disks of a majority; linearizable'
        : 'applied by the leader; on its disk within a second, then on a majority';
    return {
      name,
      promise,
      protocol: 'resp',
      wait: false,
      ...(greeting === undefined ? {} : { greeting }),
      targets: (via) => this.targets(via),
      pids: () => this.cluster.names.map((process) => this.cluster.pidOf(process)),
    };
  }

  async stop(): Promise<void> {
    await this.started?.stop();
  }

  private async start(): Promise<void> {
    const { slots, leaders, args = [], ...rest } = this.options;
    const words = ['--slots', `${slots}`, ...(leaders === 'one' ? ['--leader', 'node-1'] : []), ...args];
    this.started = await TalusCluster.prepare({ ...rest, args: words });
    await this.launch(this.started);
    await this.untilLed();
  }

  protected launch(cluster: TalusCluster): Promise<void> {
    return cluster.launch();
  }

  /** Moving leaders would be measured too. */
  private async untilLed(): Promise<void> {
    const { leaders, slots } = this.options;
    if (leaders === 'spread') {
      await settledLeaders(this.cluster.addresses[0]!, slots);
      return;
    }
    const isLed = async (): Promise<boolean> => (await this.cluster.metric(1, 'talus_slots_led')) === slots;
    if (!(await waitUntil(isLed, LEADERS_MS_MAX, 200)))
      throw new Error(`node-1 does not lead all ${slots} slots after ${LEADERS_MS_MAX} ms`);
  }

  private async targets(via: Via): Promise<readonly Target[]> {
    const { addresses, clusterAddresses } = this.cluster;
    if (via === 'one') return addresses.slice(0, 1);
    if (via === 'other') return addresses.slice(1, 2);
    if (via === 'all') return addresses;
    const leaders = await leadersBySlot(addresses[0]!, this.options.slots);
    return addresses
      .map(({ host, port }, at) => ({
        host,
        port: port + 100,
        hashes: leaders.flatMap((leader, slot) => {
          const { first, last } = hashRangeOfSlot(slot, this.options.slots);
          return leader === clusterAddresses[at] ? [[first, last] as const] : [];
        }),
      }))
      .filter(({ hashes }) => hashes.length > 0);
  }

  private async asyncTable(): Promise<readonly (readonly string[])[]> {
    const words = ['table', 'create', ASYNC_TABLE, '--mode', 'async', '--slots', `${this.options.slots}`];
    const outcome = await run(process.execPath, [TALUS, ...words, '--pm', this.cluster.pmAddress]);
    if (outcome.code !== 0) throw new NotHere(outcome.stderr.trim().replace(/^talus: /, ''));
    return [['SELECT', ASYNC_TABLE]];
  }
}
