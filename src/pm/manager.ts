/**
 * What PM does: gives nodes their identity, makes, changes and drops tables, tells everybody, and keeps leaders spread.
 *
 * Save, then say: a node's id, and a table's groups with their birth sets and wished members, are committed in the store
 * before any node hears of them. Every step can be repeated after a crash at any point: a registration key that is known gets the id it has, a
 * table that exists is not made again, and what was committed but not told is told by the next topology.
 *
 * Only the leading PM's manager acts; the others hold the same image and answer reads.
 */
import type { Env, Timer } from '../env.js';
import { wishedNodeIds } from '../rpc/group-members.js';
import type { GroupInfo, NodeReport, Topology } from '../rpc/topology.js';
import { Balancer, preferredNodeIds } from './balancer.js';
import { Catalog } from './catalog.js';
import { PmError } from './errors.js';
import { Fleet, type NodeSession } from './fleet.js';
import { DEFAULT_TABLE_NAME, type NodeRecord, type State, tableNamed, topologyOf } from './model.js';
import { placesOf } from './plan.js';
import { hasBoot, isSameNode, type Registration, refuseOlderCopy } from './registration.js';
import { renewalOf } from './renewals.js';
import type { MetadataStore, StoreCompare } from './store.js';
import { dropOf, resizeOf, type TableDefaults, tableOf } from './tables.js';
import { checkNode, checkReplicas, checkTableWish, type TableWish } from './validate.js';

export interface ManagerOptions {
  readonly store: MetadataStore;
  readonly env: Env;
  fence(): StoreCompare | undefined;
  /** Turns a password into what may be stored. */
  hashPassword(password: string): Promise<string>;
  /** Table `default` is made when so many nodes are alive. */
  readonly bootstrapNodes: number;
  readonly defaultTable: TableDefaults;
  readonly balanceLeaders: boolean;
  /** Name of the node that shall lead all it holds; a new table's slots are born to be led by it. */
  readonly preferredLeader?: string | undefined;
}

const TICK_MS = 1000;
const TRANSFER_WAIT_MS = 5000;
const TRANSFER_POLL_MS = 100;

export class Manager {
  readonly catalog: Catalog;
  readonly fleet: Fleet;
  private readonly balancer: Balancer;
  private topologyNow: Topology | undefined;
  private bootstrapping = false;
  private renewing = false;
  private timer: Timer | undefined;
  private closed = false;

  constructor(private readonly options: ManagerOptions) {
    const { store, env } = options;
    this.fleet = new Fleet(env);
    this.balancer = new Balancer(env, this.fleet, options.preferredLeader);
    this.catalog = new Catalog({
      store,
      env,
      fence: options.fence,
      onState: (state) => this.announce(state),
    });
    this.armTick();
  }

  get topology(): Topology | undefined {
    return this.topologyNow;
  }

  /** The state, or UNAVAILABLE while the store has never been reached. */
  state(): State {
    const state = this.catalog.state;
    if (state === undefined) throw new PmError('UNAVAILABLE', 'the metadata store has not been reached yet');
    return state;
  }

  async register(registration: Registration): Promise<{ clusterId: string; nodeId: number }> {
    checkNode(registration.address, registration.registrationKey);
    const known = this.knownNode(this.state(), registration);
    if (known && isSameNode(known, registration.address)) {
      // Without the store behind it a node's new start can't be kept; the node is no other for that.
      if (!hasBoot(known, registration.boot)) void this.putNode(registration).catch(() => {});
      return this.identity(known.nodeId);
    }
    if (!known) this.refuseOldMetadata();
    const { nodeId } = this.knownNode(await this.putNode(registration), registration)!;
    this.options.env.log.info('node registered', { nodeId, name: registration.address.name });
    return this.identity(nodeId);
  }

  private putNode(registration: Registration): Promise<State> {
    const { address, registrationKey } = registration;
    return this.catalog.commit((current) => {
      const node = this.knownNode(current, registration);
      if (node && isSameNode(node, address) && hasBoot(node, registration.boot)) return undefined;
      const nodeId = node?.nodeId ?? current.cluster.nextNodeId;
      const boot = registration.boot ?? node?.boot;
      const putNode = { ...address, nodeId, registrationKey, ...(boot && { boot }) };
      return node ? { putNode } : { putNode, cluster: { nextNodeId: nodeId + 1 } };
    });
  }

  /** A session may begin only for a node that is known under this key. */
  openSession(session: NodeSession, clusterId: string, registrationKey: string): void {
    const state = this.state();
    const { nodeId } = session;
    this.knownNode(state, { registrationKey, nodeId, clusterId });
    this.fleet.attach(session);
    session.sendTopology(this.topologyNow!);
    void this.bootstrap();
  }

  closeSession(session: NodeSession): void {
    this.fleet.detach(session);
  }

  report(report: NodeReport): void {
    this.fleet.report(report);
    if (report.damaged !== undefined && report.damaged.length > 0) void this.renew(report.nodeId);
  }

  /** Wishes others in the place of members that can't go on; the next report asks again for what could not be done now. */
  private async renew(nodeId: number): Promise<void> {
    if (this.renewing || this.options.fence() === undefined) return;
    this.renewing = true;
    try {
      for (let epoch = -1; epoch !== this.state().cluster.epoch; ) {
        ({ epoch } = this.state().cluster);
        if (renewalOf(this.state(), nodeId, this.fleet) === undefined) break;
        this.refuseOldMetadata();
        await this.catalog.commit((current) => renewalOf(current, nodeId, this.fleet));
        this.options.env.log.info('damaged members are wished anew', { nodeId });
      }
    } catch (error) {
      this.options.env.log.warn('damaged members are not wished anew yet', { nodeId, why: String(error) });
    } finally {
      this.renewing = false;
    }
  }

  async createTable(wish: TableWish): Promise<State> {
    checkTableWish(wish);
    return this.createChecked(wish);
  }

  /**
   * Wishes for so many replicas of each of the table's slots: all that PM does. The slots' leaders work towards it by themselves,
   * with or without PM; asking again for what is wished changes nothing.
   */
  async setReplicas(name: string, replicas: number): Promise<State> {
    checkReplicas(replicas);
    this.refuseOldMetadata();
    const state = await this.catalog.commit((current) => resizeOf(current, name, replicas, this.fleet));
    this.options.env.log.info('replicas of a table wished', { name, replicas });
    return state;
  }

  async dropTable(name: string): Promise<void> {
    await this.catalog.commit((current) => dropOf(current, name));
    this.options.env.log.info('table dropped', { name });
  }

  /** Sends the order and waits until the reports say that it was obeyed. */
  async transferLeader(table: string, slot: number, toNodeId: number): Promise<{ fromNodeId: number }> {
    const group = this.groupOf(table, slot);
    const { groupId } = group;
    const leader = this.fleet.leaderOf(groupId);
    if (!leader) throw new PmError('FAILED_PRECONDITION', `slot ${slot} of ${table} has no leader now`);
    if (leader.nodeId === toNodeId) return { fromNodeId: toNodeId };
    const role = this.fleet.replicaOf(toNodeId, groupId)?.role;
    if (!this.fleet.isAlive(toNodeId) || (role !== 'follower' && role !== 'candidate')) {
      const why = `node ${toNodeId} holds no voting replica of slot ${slot} of ${table}, or is not alive`;
      throw new PmError('FAILED_PRECONDITION', why);
    }
    if (!wishedNodeIds(group).includes(toNodeId)) {
      const why = `node ${toNodeId} is about to lose its replica of slot ${slot} of ${table}`;
      throw new PmError('FAILED_PRECONDITION', why);
    }
    this.balancer.rest(groupId);
    this.fleet.sessionOf(leader.nodeId)?.sendTransfers([{ groupId, toNodeId }]);
    await this.awaitLeader(groupId, toNodeId);
    return { fromNodeId: leader.nodeId };
  }

  close(): void {
    this.closed = true;
    this.timer?.cancel();
    this.catalog.close();
    this.fleet.endAll('PM stops');
  }

  /** Makes table `default` once enough nodes are alive. Repeated by each tick until it is there. */
  async bootstrap(): Promise<void> {
    const state = this.catalog.state;
    if (!state || this.bootstrapping || this.options.fence() === undefined) return;
    const alive = state.nodes.filter((node) => this.fleet.isAlive(node.nodeId));
    if (tableNamed(state, DEFAULT_TABLE_NAME) || alive.length < this.options.bootstrapNodes) return;
    this.bootstrapping = true;
    const wish = this.options.defaultTable;
    const replicas = Math.min(wish.replicas, placesOf(alive));
    try {
      await this.createChecked({ ...wish, replicas, name: DEFAULT_TABLE_NAME, mode: 'quorum' });
    } catch (error) {
      this.options.env.log.warn('table default not created yet', { why: String(error) });
    } finally {
      this.bootstrapping = false;
    }
  }

  private async createChecked(wish: TableWish): Promise<State> {
    this.refuseOldMetadata();
    // Refused before the costly hash; decided again inside, on the newest state.
    refuseExisting(this.state(), wish);
    const passwordHash = wish.password ? await this.options.hashPassword(wish.password) : undefined;
    const state = await this.catalog.commit((current) => {
      refuseExisting(current, wish);
      const preferred = preferredNodeIds(current, this.options.preferredLeader);
      const fleet = { isAlive: (nodeId: number) => this.fleet.isAlive(nodeId), preferred };
      return tableOf(current, { ...wish, passwordHash }, fleet);
    });
    this.options.env.log.info('table created', { name: wish.name });
    return state;
  }

  private announce(state: State): void {
    this.topologyNow = topologyOf(state);
    for (const session of this.fleet.sessions()) session.sendTopology(this.topologyNow);
  }

  private armTick(): void {
    this.timer = this.options.env.after(TICK_MS, () => {
      if (this.closed) return;
      this.armTick();
      void this.bootstrap();
      if (this.options.balanceLeaders && this.options.fence()) this.balance();
    });
  }

  private balance(): void {
    const state = this.catalog.state;
    if (!state) return;
    for (const [nodeId, orders] of this.balancer.plan(state)) {
      this.options.env.log.info('leaders to be spread', { fromNodeId: nodeId, groups: orders.length });
      this.fleet.sessionOf(nodeId)?.sendTransfers(orders);
    }
  }

  /** The node that this registration speaks of; undefined for a new one. Refuses what cannot be. */
  private knownNode(state: State, from: Omit<Registration, 'address'>): NodeRecord | undefined {
    if (from.clusterId && from.clusterId !== state.cluster.clusterId) {
      const ours = state.cluster.clusterId;
      throw new PmError(
        'FAILED_PRECONDITION',
        `the node belongs to cluster ${from.clusterId}, this is ${ours}`,
      );
    }
    const byKey = state.nodes.find((node) => node.registrationKey === from.registrationKey);
    if (from.nodeId && byKey?.nodeId !== from.nodeId) {
      throw new PmError(
        'FAILED_PRECONDITION',
        `node ${from.nodeId} is not known here under this registration key`,
      );
    }
    if (byKey !== undefined) refuseOlderCopy(byKey, from.boot);
    return byKey;
  }

  private identity(nodeId: number): { clusterId: string; nodeId: number } {
    return { clusterId: this.state().cluster.clusterId, nodeId };
  }

  /**
   * Nodes that have seen a later epoch than the store holds prove that the store was set back: its counters would give ids
   * for the second time.
   */
  private refuseOldMetadata(): void {
    const seen = this.fleet.epochSeen();
    const { epoch } = this.state().cluster;
    if (seen <= epoch) return;
    const why = `nodes have seen epoch ${seen}, the metadata store is at ${epoch}: it was restored from an older copy`;
    throw new PmError('FAILED_PRECONDITION', why);
  }

  private groupOf(tableName: string, slot: number): GroupInfo {
    const table = tableNamed(this.state(), tableName);
    if (!table) throw new PmError('NOT_FOUND', `there is no table ${JSON.stringify(tableName)}`);
    const group = table.groups[slot];
    if (!group) throw new PmError('INVALID_ARGUMENT', `slot: ${slot} is not one of 0 to ${table.slots - 1}`);
    return group;
  }

  private async awaitLeader(groupId: number, nodeId: number): Promise<void> {
    const { env } = this.options;
    const deadlineMs = env.monotonicMs() + TRANSFER_WAIT_MS;
    while (this.fleet.leaderOf(groupId)?.nodeId !== nodeId) {
      if (env.monotonicMs() >= deadlineMs) {
        const now = this.fleet.leaderOf(groupId)?.nodeId ?? 0;
        const who = now === 0 ? 'nobody leads' : `node ${now} leads`;
        throw new PmError('DEADLINE_EXCEEDED', `the order was sent, but after ${TRANSFER_WAIT_MS} ms ${who}`);
      }
      await new Promise<void>((resolve) => env.after(TRANSFER_POLL_MS, resolve));
    }
  }
}

function refuseExisting(state: State, { name, mode }: TableWish): void {
  const table = tableNamed(state, name);
  if (!table) return;
  const fixed = table.mode === mode ? '' : `, in ${table.mode} mode: a table keeps its mode for life`;
  throw new PmError('ALREADY_EXISTS', `there is a table ${JSON.stringify(name)} already${fixed}`);
}

export type { Registration };
