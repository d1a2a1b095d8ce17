/**
 * A PM on real ports with the simulator's or a given store, and nodes that are nothing but a placement client: they obey, and
 * report what a node would.
 */
import type { TestContext } from 'node:test';
import type { Timer } from '../../src/env.js';
import { type PmConfig, pmConfigSchema } from '../../src/pm/config.js';
import { type Pm, startPmServer } from '../../src/pm/server.js';
import type { MetadataStore } from '../../src/pm/store.js';
import { AdminClient } from '../../src/rpc/admin-client.js';
import { loadSecurity } from '../../src/rpc/credentials.js';
import { wishedMembers, wishedNodeIds } from '../../src/rpc/group-members.js';
import { GrpcPlacementClient } from '../../src/rpc/placement-client.js';
import type {
  GroupInfo,
  GroupMember,
  NodeReport,
  ReplicaReport,
  Topology,
  TransferOrder,
} from '../../src/rpc/topology.js';
import { SimMetadata } from '../sim/sim-metadata-store.js';
import { realEnv } from './real.js';
import { address, registrationKey } from './world.js';

export interface RunningPm extends Pm {
  readonly address: string;
  readonly admin: AdminClient;
}

export async function startTestPm(
  context: TestContext,
  settings: Partial<PmConfig> = {},
  store: MetadataStore = new SimMetadata(realEnv).connect(realEnv),
): Promise<RunningPm> {
  const config = { ...pmConfigSchema.parse({ port: 0 }), ...settings };
  const security = loadSecurity({ clusterToken: config.clusterToken });
  const pm = await startPmServer(config, { store, env: realEnv, security });
  const at = `127.0.0.1:${pm.port}`;
  const admin = new AdminClient({ addresses: [at], security, env: realEnv });
  let closed = false;
  const close = async (): Promise<void> => {
    if (closed) return;
    closed = true;
    admin.close();
    await pm.close();
  };
  context.after(close);
  return { ...pm, close, address: at, admin };
}

export interface TestNodeOptions {
  readonly name: string;
  readonly pms: readonly string[];
  readonly clusterToken?: string;
  readonly port?: number;
}

export class TestNode {
  readonly events: string[] = [];
  topology: Topology | undefined;
  obeysWishes = true;
  identity: { readonly clusterId: string; readonly nodeId: number } | undefined;
  private timer: Timer | undefined;
  private readonly client: GrpcPlacementClient;
  private readonly leaders = new Map<number, number>();
  private readonly terms = new Map<number, number>();

  constructor(context: TestContext, options: TestNodeOptions, peers: TestNode[] = []) {
    this.client = new GrpcPlacementClient({
      addresses: options.pms,
      security: loadSecurity({ clusterToken: options.clusterToken }),
      env: realEnv,
      registrationKey: registrationKey(options.name),
      address: address(options.name, options.port ?? 7000),
    });
    this.client.start({
      onRegistered: async (identity) => {
        this.identity = identity;
      },
      onTopology: (topology) => this.follow(topology),
      onTransfers: (orders) => this.obey(orders, peers),
      onUp: () => void this.events.push('up'),
      onDown: () => void this.events.push('down'),
    });
    this.reportLater();
    context.after(() => this.close());
  }

  close(): Promise<void> {
    this.timer?.cancel();
    return this.client.close();
  }

  /** A node that is silent for long is not alive. */
  private reportLater(): void {
    this.timer = realEnv.after(1000, () => {
      this.reportLater();
      this.report();
    });
  }

  /** The first of the birth order leads each group, until an order says otherwise or it is no longer wished for. */
  private follow(topology: Topology): void {
    this.topology = topology;
    for (const group of topology.tables.flatMap((table) => table.groups)) {
      const leader = this.leaders.get(group.groupId) ?? group.birthNodeIds[0]!;
      const next = this.mayLead(group, leader) ? leader : wishedNodeIds(group)[0]!;
      if (next !== this.leaders.get(group.groupId)) this.setLeader(group.groupId, next);
    }
    this.report();
  }

  private obey(orders: readonly TransferOrder[], peers: readonly TestNode[]): void {
    for (const node of new Set([this, ...peers])) {
      for (const order of orders) node.take(order);
      node.report();
    }
  }

  /** One that was on its way when its target was wished away comes too late. */
  private take({ groupId, toNodeId }: TransferOrder): void {
    const groups = this.topology?.tables.flatMap((table) => table.groups) ?? [];
    const group = groups.find((one) => one.groupId === groupId);
    if (group === undefined || this.mayLead(group, toNodeId)) this.setLeader(groupId, toNodeId);
  }

  private mayLead(group: GroupInfo, nodeId: number): boolean {
    return !this.obeysWishes || wishedNodeIds(group).includes(nodeId);
  }

  /** As the birth set has it until the test says that the wish has come true. */
  private votersOf(group: GroupInfo): readonly GroupMember[] {
    const { groupId, birthNodeIds } = group;
    return wishedMembers(this.obeysWishes ? group : { groupId, birthNodeIds });
  }

  private setLeader(groupId: number, nodeId: number): void {
    this.leaders.set(groupId, nodeId);
    this.terms.set(groupId, (this.terms.get(groupId) ?? 0) + 1);
  }

  private report(): void {
    if (this.topology) this.client.report(this.currentReport(this.topology, this.identity!.nodeId));
  }

  private currentReport(topology: Topology, nodeId: number): NodeReport {
    const groups = topology.tables.flatMap((table) => table.groups);
    const mine = groups.filter((group) => wishedNodeIds(group).includes(nodeId));
    const replicas = mine.map((group): ReplicaReport => {
      const { groupId } = group;
      const leaderNodeId = this.leaders.get(groupId) ?? 0;
      const role = leaderNodeId === nodeId ? 'leader' : 'follower';
      const term = this.terms.get(groupId) ?? 0;
      const configuration = { voters: this.votersOf(group), learners: [], joint: false };
      return {
        ...{ groupId, role, leaderNodeId, term, lastIndex: 7, commitIndex: 6, appliedIndex: 5, keys: 2 },
        ...(role === 'leader' && { configuration }),
      };
    });
    return { nodeId, epoch: topology.epoch, pid: 4000 + nodeId, replicas };
  }
}

export function startTestNodes(
  context: TestContext,
  names: readonly string[],
  options: Omit<TestNodeOptions, 'name'>,
): readonly TestNode[] {
  const nodes: TestNode[] = [];
  for (const name of names) nodes.push(new TestNode(context, { ...options, name }, nodes));
  return nodes;
}
