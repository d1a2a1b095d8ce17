/**
 * Which nodes shall hold a table's slots when each slot gets more replicas, or fewer. Pure: the same question gets the same
 * answer.
 *
 * What stays, stays where it is: a set only gains or only loses. Who comes is chosen as at birth (plan.ts): zones, hosts, load,
 * company, and never on a machine that a member is on. Who goes is chosen the other way round: dead nodes first, then those that have no vote yet (so that taking back a wish
 * undoes it and moves nothing), then those who share a zone or a host, then the fullest.
 * Choosing slot by slot can leave some nodes fuller than need be, so at last choices are taken back where others even the load and
 * crowd nobody; each such way makes the sum of the squared loads smaller, so there is an end to them.
 */
import { invariant } from '../assert.js';
import { type Candidate, candidatesOf, isBetter, isOnMachineOf, type PlacementNode } from './plan.js';

export interface ResizeNode extends PlacementNode {
  readonly alive: boolean;
}

export interface ResizeRequest {
  /** All that are known; `replicas` counts what they hold of other tables. */
  readonly nodes: readonly ResizeNode[];
  readonly sets: readonly ResizeSet[];
  readonly replicas: number;
}

/** One slot's. */
export interface ResizeSet {
  readonly nodeIds: readonly number[];
  /** Those of them that have no vote yet. */
  readonly absent: readonly number[];
}

/** A slot's set while it is planned. */
interface Draft {
  readonly members: Candidate[];
  /** Who may be exchanged for whom: newcomers for other living nodes, or survivors for those who would go. */
  readonly choice: readonly Candidate[];
}

/** The nodes of each slot afterwards: survivors in their old order, then newcomers. */
export function planResize(request: ResizeRequest): readonly (readonly number[])[] {
  const candidates = candidatesOf(request.nodes);
  const alive = new Set(request.nodes.filter((node) => node.alive).map(({ nodeId }) => nodeId));
  const living = candidates.filter(({ nodeId }) => alive.has(nodeId));
  const byId = new Map(candidates.map((candidate) => [candidate.nodeId, candidate]));
  const sets = request.sets.map((set) => set.nodeIds.map((nodeId) => memberOf(byId, nodeId)));
  for (const set of sets) for (const [at, member] of set.entries()) join(member, set.slice(0, at));
  const drafts = sets.map((set, slot): Draft => {
    const members = [...set];
    const absent = new Set(request.sets[slot]!.absent);
    const lasting = set.filter(({ nodeId }) => alive.has(nodeId) && !absent.has(nodeId));
    const choice =
      set.length < request.replicas ? living.filter((candidate) => !set.includes(candidate)) : lasting;
    while (members.length < request.replicas) add(members, choice);
    while (members.length > request.replicas) drop(members, [(id) => !alive.has(id), (id) => absent.has(id)]);
    return { members, choice };
  });
  const waysMax = drafts.length * request.replicas;
  for (let ways = 0; ways < waysMax && evenOut(candidates, drafts); ways++) {}
  return drafts.map(({ members }) => members.map(({ nodeId }) => nodeId));
}

function memberOf(byId: ReadonlyMap<number, Candidate>, nodeId: number): Candidate {
  const member = byId.get(nodeId);
  invariant(member !== undefined, 'a member that is no node', { nodeId });
  return member;
}

function add(members: Candidate[], choice: readonly Candidate[]): void {
  const rest = choice.filter(
    (candidate) => !members.includes(candidate) && !isOnMachineOf(candidate, members),
  );
  invariant(rest.length > 0, 'more replicas than machines', { members: members.length });
  const best = rest.reduce((one, other) => (isBetter(other, one, members) ? other : one));
  members.push(best);
  join(best, members);
}

/** Whom the first reason fits goes first. */
function drop(members: Candidate[], reasons: readonly ((nodeId: number) => boolean)[]): void {
  const firsts = reasons.map((fits) => members.filter(({ nodeId }) => fits(nodeId)));
  const choice = firsts.find((some) => some.length > 0) ?? members;
  const worst = choice.reduce((one, other) => (isBetter(other, one, members) ? one : other));
  leave(worst, members);
  members.splice(members.indexOf(worst), 1);
}

/** One choice taken back for another. */
interface Exchange {
  readonly draft: Draft;
  readonly out: Candidate;
  readonly into: Candidate;
}

/**
 * Takes choices back along one way that makes the load more even; false when there is none. The way may lead over others: A gives
 * a slot to B, and B another one to C.
 */
function evenOut(candidates: readonly Candidate[], drafts: readonly Draft[]): boolean {
  const exchanges = exchangesOf(drafts);
  const sources = [...candidates].sort((a, b) => b.load - a.load || a.nodeId - b.nodeId);
  for (const source of sources) {
    const way = shortestWay(exchanges, source);
    if (way === undefined) continue;
    for (const { draft, out, into } of way) {
      leave(out, draft.members);
      draft.members[draft.members.indexOf(out)] = into;
      join(into, draft.members);
    }
    return true;
  }
  return false;
}

/** One for each pair of nodes is enough. */
function exchangesOf(drafts: readonly Draft[]): ReadonlyMap<Candidate, ReadonlyMap<Candidate, Exchange>> {
  const found = new Map<Candidate, Map<Candidate, Exchange>>();
  for (const draft of drafts) {
    const { members, choice } = draft;
    for (const out of choice.filter((candidate) => members.includes(candidate))) {
      const ways = found.get(out) ?? new Map<Candidate, Exchange>();
      found.set(out, ways);
      const others = members.filter((member) => member !== out);
      for (const into of choice) {
        if (members.includes(into) || ways.has(into)) continue;
        if (crowding(into, others) <= crowding(out, others)) ways.set(into, { draft, out, into });
      }
    }
  }
  return found;
}

/** To a node that holds at least two fewer; no slot is changed twice on the way. */
function shortestWay(
  exchanges: ReadonlyMap<Candidate, ReadonlyMap<Candidate, Exchange>>,
  source: Candidate,
): readonly Exchange[] | undefined {
  const reached = new Set([source]);
  const ways: (readonly Exchange[])[] = [[]];
  for (const way of ways) {
    for (const exchange of exchanges.get(way.at(-1)?.into ?? source)?.values() ?? []) {
      const isNew = !reached.has(exchange.into) && way.every(({ draft }) => draft !== exchange.draft);
      if (!isNew) continue;
      const longer = [...way, exchange];
      if (exchange.into.load <= source.load - 2) return longer;
      reached.add(exchange.into);
      ways.push(longer);
    }
  }
  return undefined;
}

/** A shared machine is out of the question; sharing a zone weighs more than sharing hosts with all. */
function crowding(candidate: Candidate, others: readonly Candidate[]): number {
  if (isOnMachineOf(candidate, others)) return Number.POSITIVE_INFINITY;
  const zones = others.filter(({ zone }) => zone === candidate.zone).length;
  const hosts = others.filter(({ host }) => host === candidate.host).length;
  return zones * (others.length + 1) + hosts;
}

function join(candidate: Candidate, members: readonly Candidate[]): void {
  candidate.load += 1;
  for (const other of members) meet(candidate, other, 1);
}

function leave(candidate: Candidate, members: readonly Candidate[]): void {
  candidate.load -= 1;
  for (const other of members) meet(candidate, other, -1);
}

function meet(one: Candidate, other: Candidate, times: number): void {
  if (one === other) return;
  for (const [a, b] of [
    [one, other],
    [other, one],
  ] as const) {
    a.company.set(b.nodeId, (a.company.get(b.nodeId) ?? 0) + times);
  }
}
