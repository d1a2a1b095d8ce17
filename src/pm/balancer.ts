/**
 * When to spread leaders, and how many at a time; balance.ts says which. An operator may name a node that shall lead whatever it
 * holds: leaders go there under the same conditions, and to others only while it is away.
 *
 * An election or a returning node must never set off a storm, so nothing is touched that is not settled: a group moves only
 * when its members are those that are wished, its leader has led for `SETTLED_MS` and the one to take over has been up as long
 * and is nearly caught up; after an order the group rests, whether it was obeyed or not. A few orders a round, and those under way count as obeyed, so that the
 * next round does not order the same relief from other groups.
 */
import type { Env } from '../env.js';
import { isAsWished } from '../rpc/group-members.js';
import type { GroupInfo, ReplicaReport, TransferOrder } from '../rpc/topology.js';
import { type GroupLeadership, placeLeaders } from './balance.js';
import type { Fleet, LeaderView } from './fleet.js';
import type { State } from './model.js';

const SETTLED_MS = 10_000;
/** So long an order counts as obeyed. */
const ORDER_PENDING_MS = 10_000;
const ORDER_REST_MS = 30_000;
/** What an operator asked for stands longer than what we thought of. */
const MANUAL_REST_MS = 300_000;
const ORDERS_MAX = 32;
const LAG_ENTRIES_MAX = 1000;

export class Balancer {
  private readonly restUntilMs = new Map<number, number>();
  private readonly pending = new Map<number, { readonly toNodeId: number; readonly untilMs: number }>();

  constructor(
    private readonly env: Env,
    private readonly fleet: Fleet,
    /** Name of the node that shall lead all it can; undefined: leaders are spread. */
    private readonly preferredLeader?: string,
  ) {}

  /** Leaves the group alone for a while: somebody placed its leader by hand. */
  rest(groupId: number): void {
    this.restUntilMs.set(groupId, this.env.monotonicMs() + MANUAL_REST_MS);
    this.pending.delete(groupId);
  }

  /** Orders by the node to send them to. */
  plan(state: State): ReadonlyMap<number, readonly TransferOrder[]> {
    this.forgetPast();
    const groups = state.tables.flatMap((table) =>
      table.groups.flatMap((group) => this.leadership(table.tableId, group)),
    );
    const orders = new Map<number, TransferOrder[]>();
    const preferred = preferredNodeIds(state, this.preferredLeader);
    const isPreferred = (nodeId: number): boolean => preferred.has(nodeId);
    const moves = [...placeLeaders(groups, isPreferred, ORDERS_MAX)].slice(0, ORDERS_MAX);
    for (const [groupId, toNodeId] of moves) {
      const nowMs = this.env.monotonicMs();
      this.restUntilMs.set(groupId, nowMs + ORDER_REST_MS);
      this.pending.set(groupId, { toNodeId, untilMs: nowMs + ORDER_PENDING_MS });
      const from = this.fleet.leaderOf(groupId)!.nodeId;
      orders.set(from, [...(orders.get(from) ?? []), { groupId, toNodeId }]);
    }
    return orders;
  }

  /** Groups that may not move count too, with their leader as the only choice. */
  private leadership(tableId: number, group: GroupInfo): readonly GroupLeadership[] {
    const leader = this.fleet.leaderOf(group.groupId);
    if (leader === undefined) return [];
    const { groupId } = group;
    const leaderNodeId = this.pending.get(groupId)?.toNodeId ?? leader.nodeId;
    const others = this.isSettled(group, leader) ? this.targets(group, leader) : [];
    return [{ groupId, tableId, leaderNodeId, targetNodeIds: [leaderNodeId, ...others] }];
  }

  private isSettled(group: GroupInfo, leader: LeaderView): boolean {
    const ledForMs = this.env.monotonicMs() - leader.sinceMs;
    const rests = ledForMs < SETTLED_MS || this.restUntilMs.has(group.groupId);
    return !rests && hasWishedMembers(group, leader.report);
  }

  private targets(group: GroupInfo, leader: LeaderView): readonly number[] {
    return this.fleet.holdersOf(group.groupId).filter((nodeId) => {
      const replica = this.fleet.replicaOf(nodeId, group.groupId);
      const follows = replica?.role === 'follower' && replica.term === leader.report.term;
      const isNear = follows && replica.lastIndex + LAG_ENTRIES_MAX >= leader.report.lastIndex;
      return isNear && this.fleet.upForMs(nodeId) >= SETTLED_MS;
    });
  }

  private forgetPast(): void {
    const nowMs = this.env.monotonicMs();
    for (const [groupId, untilMs] of this.restUntilMs) if (untilMs <= nowMs) this.restUntilMs.delete(groupId);
    for (const [groupId, { untilMs }] of this.pending) if (untilMs <= nowMs) this.pending.delete(groupId);
  }
}

/** Several, where a node was wiped and came back under its old name: the dead ones lead nothing. */
export function preferredNodeIds(state: State, name: string | undefined): ReadonlySet<number> {
  return new Set(state.nodes.filter((node) => node.name === name).map(({ nodeId }) => nodeId));
}

/** A leader of an earlier version does not tell its configuration; nor can it change it. */
function hasWishedMembers(group: GroupInfo, { configuration }: ReplicaReport): boolean {
  return configuration === undefined ? group.members === undefined : isAsWished(group, configuration);
}
