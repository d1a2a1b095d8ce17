/**
 * The shapes of partitions, as lists of directed links that carry nothing.
 *
 * The nasty ones are partial: two that can't see each other while all see a third; a bridge between two halves; a ring in which each
 * sees another majority. Raft is safe in all of them, and must be live again when they end.
 */
import type { Random } from '../../src/random.js';
import type { NodeId } from '../../src/rpc/transport.js';

export type Link = readonly [from: NodeId, to: NodeId];

export interface Partition {
  readonly shape: string;
  readonly links: readonly Link[];
}

type Shape = (random: Random, one: NodeId, others: readonly NodeId[]) => readonly Link[];

const SHAPES: Readonly<Record<string, Shape>> = {
  'one way': (random, one, others) => [[one, some(random, others)]],
  'a pair': (random, one, others) => both(one, [some(random, others)]),
  'nothing out': (_random, one, others) => others.map((other) => [one, other] as const),
  'nothing in': (_random, one, others) => others.map((other) => [other, one] as const),
  isolated: (_random, one, others) => both(one, others),
  'two halves': (random, one, others) => {
    const [mine, theirs] = halves(random, others);
    return [one, ...mine].flatMap((node) => both(node, theirs));
  },
  'a bridge': (random, _one, others) => {
    const [left, right] = halves(random, others);
    return left.flatMap((node) => both(node, right));
  },
  'a ring': (_random, one, others) => {
    const ring = [one, ...others];
    const reach = Math.floor(ring.length / 4) || 1;
    const apart = (i: number, j: number): number => Math.min(Math.abs(i - j), ring.length - Math.abs(i - j));
    return ring.flatMap((from, i) =>
      ring.flatMap((to, j) => (apart(i, j) > reach ? [[from, to] as const] : [])),
    );
  },
};

const NAMES = Object.keys(SHAPES);

/** `one` stands in the middle of it, where there is a middle. */
export function drawPartition(random: Random, one: NodeId, others: readonly NodeId[]): Partition | undefined {
  if (others.length === 0) return undefined;
  const shape = NAMES[random.below(NAMES.length)]!;
  const links = SHAPES[shape]!(random, one, others);
  return links.length === 0 ? undefined : { shape, links };
}

function both(one: NodeId, others: readonly NodeId[]): Link[] {
  return others.flatMap((other) => [[one, other] as const, [other, one] as const]);
}

/** Each at random, but neither side is empty where it can be helped. */
function halves(random: Random, nodes: readonly NodeId[]): readonly [NodeId[], NodeId[]] {
  const left: NodeId[] = [];
  const right: NodeId[] = [];
  for (const node of nodes) (random.below(2) === 0 ? left : right).push(node);
  if (right.length === 0 && left.length > 0) right.push(left.pop()!);
  return [left, right];
}

function some(random: Random, nodes: readonly NodeId[]): NodeId {
  return nodes[random.below(nodes.length)]!;
}
