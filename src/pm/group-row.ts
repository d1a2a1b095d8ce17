/**
 * A group as it stands in its table's record:
 *
 *   as born         [groupId, node, node, ...]                                      the birth set
 *   wished anew     [[groupId, node, node, ...], nextIncarnation, node, incarnation, node, incarnation, ...]
 *
 * The first form is all that earlier versions wrote.
 */
import { invariant } from '../assert.js';
import type { GroupInfo, GroupMember } from '../rpc/topology.js';

export type GroupRow = readonly number[] | readonly [born: readonly number[], ...wish: number[]];

export function encodeGroupRow({ groupId, birthNodeIds, members, nextIncarnation }: GroupInfo): GroupRow {
  const born = [groupId, ...birthNodeIds];
  if (members === undefined) return born;
  const wish = members.flatMap(({ nodeId, incarnation }) => [nodeId, incarnation]);
  return [born, nextIncarnation ?? 1, ...wish];
}

export function decodeGroupRow(row: GroupRow): GroupInfo {
  if (!isWishedAnew(row)) return bornGroup(row);
  const [born, nextIncarnation, ...wish] = row as [readonly number[], ...number[]];
  invariant(wish.length > 0 && wish.length % 2 === 0, 'members come as pairs', { row: JSON.stringify(row) });
  const members: GroupMember[] = [];
  for (let at = 0; at < wish.length; at += 2) members.push({ nodeId: wish[at]!, incarnation: wish[at + 1]! });
  return { ...bornGroup(born), members, nextIncarnation: nextIncarnation! };
}

function isWishedAnew(row: GroupRow): row is readonly [readonly number[], ...number[]] {
  return typeof row[0] === 'object';
}

function bornGroup([groupId, ...birthNodeIds]: readonly number[]): GroupInfo {
  return { groupId: groupId!, birthNodeIds };
}
