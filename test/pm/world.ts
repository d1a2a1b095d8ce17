/**
 * PMs in a world of virtual time and one simulated store: manager and leadership as in a process, without ports.
 */

import type { NodeSession } from '../../src/pm/fleet.js';
import { Leadership } from '../../src/pm/leader.js';
import { Manager } from '../../src/pm/manager.js';
import { wishedMembers, wishedNodeIds } from '../../src/rpc/group-members.js';
import type {
  GroupInfo,
  GroupMember,
  NodeReport,
  ReplicaReport,
  Topology,
  TransferOrder,
} from '../../src/rpc/topology.js';
import { SimMetadata, type SimMetadataStore } from '../sim/sim-metadata-store.js';
import { VirtualClock } from './virtual-env.js';

export interface WorldPm {
  readonly manager: Manager;
  readonly leadership: Leadership;
  readonly store: SimMetadataStore;
  /** Nothing of it runs any more; its lease runs out. */
  crash(): void;
}

export class World {
  readonly clock = new VirtualClock();
  readonly metadata = new SimMetadata(this.clock.env(1).env);
  private seeds = 2;

  async pm(address = 'pm-1:9300', bootstrapNodes = 3, preferredLeader?: string): Promise<WorldPm> {
    const { env, crash } = this.clock.env(this.seeds++);
    const store = this.metadata.connect(env);
    const joined: { leadership?: Leadership } = {};
    const manager = new Manager({
      store,
      env,
      fence: () => joined.leadership?.fence(),
      hashPassword: async (password) => `hashed:${password}`,
      bootstrapNodes,
      defaultTable: { slots: 16, replicas: 3 },
      balanceLeaders: true,
      preferredLeader,
    });
    const begin = (): Promise<void> => manager.catalog.begin();
    const leadership = new Leadership({ store, env, address, begin, onChange: () => {} });
    joined.leadership = leadership;
    await this.clock.pass(100);
    const stop = (): void => {
      crash();
      this.metadata.disconnect(store);
    };
    return { manager, leadership, store, crash: stop };
  }

  register(
    pm: WorldPm,
    key: string,
    port = 7000,
    more: { readonly machine?: string } = {},
  ): Promise<{ clusterId: string; nodeId: number }> {
    const place = { ...address(key, port), ...more };
    return this.clock.settle(pm.manager.register({ registrationKey: registrationKey(key), address: place }));
  }

  /** Registered, with a session open. */
  async node(
    pm: WorldPm,
    key: string,
    port = 7000,
    more: { readonly machine?: string } = {},
  ): Promise<WorldNode> {
    const { clusterId, nodeId } = await this.register(pm, key, port, more);
    const node = new WorldNode(nodeId);
    pm.manager.openSession(node, clusterId, registrationKey(key));
    return node;
  }
}

export class WorldNode implements NodeSession {
  readonly topologies: Topology[] = [];
  readonly orders: TransferOrder[] = [];
  ended: string | undefined;

  constructor(readonly nodeId: number) {}

  sendTopology(topology: Topology): void {
    this.topologies.push(topology);
  }

  sendTransfers(orders: readonly TransferOrder[]): void {
    this.orders.push(...orders);
  }

  end(why: string): void {
    this.ended = why;
  }

  get topology(): Topology {
    return this.topologies.at(-1)!;
  }

  /** A report in which this node is in every group that it is wished in, and leads as `leaderOf` says. */
  reportOf(
    leaderOf: (groupId: number) => number,
    term = 1,
    votersOf: (group: GroupInfo) => readonly GroupMember[] = wishedMembers,
  ): NodeReport {
    const groups = this.topology.tables.flatMap((table) => table.groups);
    const mine = groups.filter((group) => wishedNodeIds(group).includes(this.nodeId));
    const replicas = mine.map((group): ReplicaReport => {
      const { groupId } = group;
      const leaderNodeId = leaderOf(groupId);
      const role = leaderNodeId === this.nodeId ? 'leader' : 'follower';
      const indexes = { lastIndex: 5, commitIndex: 5, appliedIndex: 5 };
      const configuration = { voters: votersOf(group), learners: [], joint: false };
      return {
        ...{ groupId, role, leaderNodeId, term, ...indexes, keys: 0 },
        ...(role === 'leader' && { configuration }),
      };
    });
    return { nodeId: this.nodeId, epoch: this.topology.epoch, pid: 1000 + this.nodeId, replicas };
  }
}

export function registrationKey(key: string): string {
  return key.padEnd(16, '-');
}

export function address(name: string, port: number) {
  const ports = { peerPort: port, respPort: port + 1, clusterPort: port + 2, httpPort: port + 3 };
  return { name, host: '127.0.0.1', ...ports, zone: '' };
}
