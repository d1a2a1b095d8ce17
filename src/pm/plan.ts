/**
 * Which nodes shall hold a new table's slots. Pure: the same question gets the same answer.
 *
 * Two members never share a machine where nodes name theirs; hosts and zones are shared only for want of others.
 *
 * A set is picked member by member. What comes first outweighs all that follows:
 *   1. zones, then hosts: copies share as few as there is a way to;
 *   2. load: nodes with fewer replicas first, so that counts differ by at most one wherever 1 leaves a choice;
 *   3. company: nodes that have shared fewer sets, so that what a dead node led spreads over all others and not over the
 *      same two;
 *   4. the smaller node id.
 * Then the members are put in birth order (who campaigns first), so that each node stands first, second, ... about equally
 * often. Size and traffic of slots are unknown at birth and not considered.
 */
import { invariant } from '../assert.js';
import { wishedNodeIds } from '../rpc/group-members.js';
import type { GroupInfo } from '../rpc/topology.js';
import { balanceLeaders } from './balance.js';

/** Where a node stands. */
export interface Place {
  /** Undefined: the node names none, and counts as alone on its machine. */
  readonly machine?: string;
}

export interface PlacementNode extends Place {
  readonly nodeId: number;
  readonly host: string;
  readonly zone: string;
  /** Held already, of other tables. */
  readonly replicas: number;
}

export interface PlacementRequest {
  readonly nodes: readonly PlacementNode[];
  readonly slots: number;
  readonly replicas: number;
}

export interface Candidate extends PlacementNode {
  load: number;
  /** How many sets of this table it shares with each other node. */
  readonly company: Map<number, number>;
}

/** In order of id, which decides between equals. */
export function candidatesOf(nodes: readonly PlacementNode[]): readonly Candidate[] {
  return [...nodes]
    .sort((a, b) => a.nodeId - b.nodeId)
    .map((node) => ({ ...node, load: node.replicas, company: new Map() }));
}

/** One birth set a slot, each in birth order. */
export function planPlacement(request: PlacementRequest): readonly (readonly number[])[] {
  const places = placesOf(request.nodes);
  invariant(request.replicas <= places, 'more replicas than machines', {
    replicas: request.replicas,
    places,
  });
  const candidates = candidatesOf(request.nodes);
  const sets: (readonly number[])[] = [];
  for (let slot = 0; slot < request.slots; slot++) sets.push(pickSet(candidates, request.replicas));
  return inBirthOrder(sets);
}

/** How many copies of a slot can be held apart. */
export function placesOf(nodes: readonly Place[]): number {
  const machines = nodes.flatMap(({ machine }) => (machine === undefined ? [] : [machine]));
  return nodes.length - machines.length + new Set(machines).size;
}

export function isOnMachineOf(candidate: Place, members: readonly Place[]): boolean {
  return candidate.machine !== undefined && members.some(({ machine }) => machine === candidate.machine);
}

/** How many replicas each node is wished to hold. */
export function replicasByNode(groups: readonly GroupInfo[]): ReadonlyMap<number, number> {
  const counts = new Map<number, number>();
  for (const group of groups) {
    for (const nodeId of wishedNodeIds(group)) counts.set(nodeId, (counts.get(nodeId) ?? 0) + 1);
  }
  return counts;
}

function pickSet(candidates: readonly Candidate[], size: number): readonly number[] {
  const members: Candidate[] = [];
  while (members.length < size) {
    const rest = candidates.filter(
      (candidate) => !members.includes(candidate) && !isOnMachineOf(candidate, members),
    );
    members.push(rest.reduce((best, other) => (isBetter(other, best, members) ? other : best)));
  }
  for (const member of members) {
    member.load += 1;
    for (const other of members) {
      if (other !== member) member.company.set(other.nodeId, (member.company.get(other.nodeId) ?? 0) + 1);
    }
  }
  return members.map((member) => member.nodeId);
}

/** Whether `one` goes better with the members than `other`. Candidates come in order of id, so a tie keeps the smaller one. */
export function isBetter(one: Candidate, other: Candidate, members: readonly Candidate[]): boolean {
  const count = (matches: (member: Candidate) => boolean): number => members.filter(matches).length;
  const onMachineOf = (candidate: Candidate): number =>
    count((m) => candidate.machine !== undefined && m.machine === candidate.machine && m !== candidate);
  const machines = onMachineOf(one) - onMachineOf(other);
  if (machines !== 0) return machines < 0;
  const zones = count((m) => m.zone === one.zone) - count((m) => m.zone === other.zone);
  if (zones !== 0) return zones < 0;
  const hosts = count((m) => m.host === one.host) - count((m) => m.host === other.host);
  if (hosts !== 0) return hosts < 0;
  if (one.load !== other.load) return one.load < other.load;
  return companyWith(one, members) < companyWith(other, members);
}

function companyWith(candidate: Candidate, members: readonly Candidate[]): number {
  return members.reduce((sum, member) => sum + (candidate.company.get(member.nodeId) ?? 0), 0);
}

/** First places are balanced exactly (balance.ts); the places behind by counting. */
function inBirthOrder(sets: readonly (readonly number[])[]): readonly (readonly number[])[] {
  const firsts = balanceLeaders(
    sets.map((set, slot) => ({
      groupId: slot,
      tableId: 0,
      leaderNodeId: set[slot % set.length]!,
      targetNodeIds: set,
    })),
  );
  const placed = new Map<string, number>();
  const timesAt = (rank: number, nodeId: number): number => placed.get(`${rank} ${nodeId}`) ?? 0;
  return sets.map((set, slot) => {
    const order = [firsts.get(slot) ?? set[slot % set.length]!];
    while (order.length < set.length) {
      const rank = order.length;
      const rest = set.filter((nodeId) => !order.includes(nodeId));
      const next = rest.reduce((a, b) => (timesAt(rank, b) < timesAt(rank, a) ? b : a));
      placed.set(`${rank} ${next}`, timesAt(rank, next) + 1);
      order.push(next);
    }
    return order;
  });
}
