/**
 * Spreads leadership: which groups should hand over, and to whom, so that nodes lead about equally many, of each table and
 * overall. Pure.
 *
 * Leadership can go only where a replica is, so the way from a full node to an empty one may lead over others: A hands a
 * group to B, and B another one to C. Nodes are the vertices of a graph, "u leads a group that v could lead" the edges; a
 * shortest path from a node to one that leads at least two fewer makes the spread better by moving as few as there is a way
 * to. When no such path is left, nothing better exists. Tables are evened one by one, then the sum over tables is, along
 * edges that leave each table as even as it was.
 */
export interface GroupLeadership {
  readonly groupId: number;
  readonly tableId: number;
  readonly leaderNodeId: number;
  /** Who may lead: the leader, and the replicas that could take over now. */
  readonly targetNodeIds: readonly number[];
}

/**
 * The same for an operator who wants all leaders in one place: what a preferred node could lead goes there and stays there, and
 * only the rest is spread.
 */
export function placeLeaders(
  groups: readonly GroupLeadership[],
  isPreferred: (nodeId: number) => boolean,
  movesMax = Number.POSITIVE_INFINITY,
): ReadonlyMap<number, number> {
  const moves = new Map<number, number>();
  const rest: GroupLeadership[] = [];
  for (const group of groups) {
    const preferred = group.targetNodeIds.find(isPreferred);
    if (preferred === undefined) rest.push(group);
    else if (!isPreferred(group.leaderNodeId) && moves.size < movesMax) moves.set(group.groupId, preferred);
  }
  return new Map([...moves, ...balanceLeaders(rest, movesMax - moves.size)]);
}

/**
 * Group -> node that should lead it instead; groups that should stay are absent. Stops after the path that reaches
 * `movesMax`: a caller that acts on a few at a time need not pay for a plan of thousands.
 */
export function balanceLeaders(
  groups: readonly GroupLeadership[],
  movesMax = Number.POSITIVE_INFINITY,
): ReadonlyMap<number, number> {
  const board = new Board(groups, movesMax);
  for (const tableId of board.tableIds()) {
    const counts = board.countsOf(tableId);
    const movable = groups.filter((group) => group.tableId === tableId);
    while (board.improve(movable, counts, () => true)) {}
  }
  while (board.improve(groups, board.overall, (group, to) => board.keepsTableEven(group, to))) {}
  return board.moves();
}

type Counts = Map<number, number>;

interface Edge {
  readonly group: GroupLeadership;
  readonly to: number;
}

/** Who leads what while the plan is made, and how many each. */
class Board {
  private readonly leaderOf = new Map<number, number>();
  private readonly byTable = new Map<number, Counts>();
  readonly overall: Counts = new Map();

  constructor(
    private readonly groups: readonly GroupLeadership[],
    private movesLeft: number,
  ) {
    for (const group of groups) {
      const counts = this.byTable.get(group.tableId) ?? new Map<number, number>();
      this.byTable.set(group.tableId, counts);
      for (const nodeId of group.targetNodeIds) {
        add(counts, nodeId, 0);
        add(this.overall, nodeId, 0);
      }
      this.leaderOf.set(group.groupId, group.leaderNodeId);
      add(counts, group.leaderNodeId, 1);
      add(this.overall, group.leaderNodeId, 1);
    }
  }

  tableIds(): readonly number[] {
    return [...this.byTable.keys()].sort((a, b) => a - b);
  }

  countsOf(tableId: number): Counts {
    return this.byTable.get(tableId)!;
  }

  /** Moves along one path that makes `counts` more even; false when there is none. */
  improve(
    movable: readonly GroupLeadership[],
    counts: Counts,
    allowed: (group: GroupLeadership, to: number) => boolean,
  ): boolean {
    if (this.movesLeft <= 0) return false;
    const edges = this.edges(movable, allowed);
    // The fullest first: what it can be rid of, it should be rid of.
    const sources = [...counts.keys()].sort((a, b) => counts.get(b)! - counts.get(a)! || a - b);
    for (const source of sources) {
      const path = shortestPath(edges, source, counts);
      if (path === undefined) continue;
      for (const { group, to } of path) this.move(group, to);
      return true;
    }
    return false;
  }

  /** True when the table's spread does not grow by moving `group`. */
  keepsTableEven(group: GroupLeadership, to: number): boolean {
    const counts = this.countsOf(group.tableId);
    return counts.get(to)! < counts.get(this.leaderOf.get(group.groupId)!)!;
  }

  moves(): ReadonlyMap<number, number> {
    const moved = this.groups.filter((group) => this.leaderOf.get(group.groupId) !== group.leaderNodeId);
    return new Map(moved.map((group) => [group.groupId, this.leaderOf.get(group.groupId)!]));
  }

  /** One group for each pair of nodes is enough. A group that has moved already is preferred: it costs no further transfer. */
  private edges(
    movable: readonly GroupLeadership[],
    allowed: (group: GroupLeadership, to: number) => boolean,
  ): ReadonlyMap<number, ReadonlyMap<number, Edge>> {
    const edges = new Map<number, Map<number, Edge>>();
    for (const group of movable) {
      const from = this.leaderOf.get(group.groupId)!;
      const out = edges.get(from) ?? new Map<number, Edge>();
      edges.set(from, out);
      for (const to of group.targetNodeIds) {
        if (to === from || !allowed(group, to)) continue;
        const known = out.get(to);
        if (known === undefined || (from !== group.leaderNodeId && !this.hasMoved(known.group))) {
          out.set(to, { group, to });
        }
      }
    }
    return edges;
  }

  private hasMoved(group: GroupLeadership): boolean {
    return this.leaderOf.get(group.groupId) !== group.leaderNodeId;
  }

  private move(group: GroupLeadership, to: number): void {
    this.movesLeft -= 1;
    const from = this.leaderOf.get(group.groupId)!;
    this.leaderOf.set(group.groupId, to);
    for (const counts of [this.countsOf(group.tableId), this.overall]) {
      add(counts, from, -1);
      add(counts, to, 1);
    }
  }
}

/**
 * The shortest way from `source` to a node that leads at least two fewer; of equally short ones that to the emptiest, so that
 * nothing is moved twice; of those the smaller id.
 */
function shortestPath(
  edges: ReadonlyMap<number, ReadonlyMap<number, Edge>>,
  source: number,
  counts: Counts,
): readonly Edge[] | undefined {
  const reached = new Set([source]);
  let level: readonly (readonly Edge[])[] = [[]];
  while (level.length > 0) {
    const next = level.flatMap((path) => {
      const out = [...(edges.get(path.at(-1)?.to ?? source)?.values() ?? [])];
      return out.sort((a, b) => a.to - b.to).map((edge) => [...path, edge]);
    });
    level = next.filter((path) => !reached.has(endOf(path)) && reached.add(endOf(path)));
    const goals = level.filter((path) => counts.get(endOf(path))! <= counts.get(source)! - 2);
    if (goals.length > 0) {
      return goals.reduce((best, path) =>
        counts.get(endOf(path))! < counts.get(endOf(best))! ? path : best,
      );
    }
  }
  return undefined;
}

function endOf(path: readonly Edge[]): number {
  return path.at(-1)!.to;
}

function add(counts: Counts, nodeId: number, amount: number): void {
  counts.set(nodeId, (counts.get(nodeId) ?? 0) + amount);
}
