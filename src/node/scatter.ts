/**
 * A command over several slots: cut into one part a slot, and the parts' replies put together, as the row's policy says
 * (Redis' command tips, request_policy and response_policy).
 *
 * The parts run at their own moments: what is atomic is a slot. If any part may have happened, the whole may not be called
 * undone: then a refusal elsewhere turns the answer into "unknown".
 */
import type { Args, CommandRow, Policy } from '../commands/command.js';
import { scanCursor } from '../commands/scan.js';
import { isWrite, keysOf } from '../commands/table.js';
import { array, bulk, error, integer, OK, type Reply } from '../resp/reply.js';
import { HASH_SLOTS, hash14, hashRangeOfSlot, slotOfHash } from '../slot/hash.js';
import type { RouteOutcome } from './router.js';

export interface Part {
  readonly slot: number;
  readonly argv: Args;
  /** For each of the part's keys, its place among the command's keys. */
  readonly places: readonly number[];
}

export type Plan =
  | { readonly kind: 'one'; readonly slot: number }
  | {
      readonly kind: 'parts';
      readonly parts: readonly Part[];
      readonly policy: Policy;
      readonly keyCount: number;
    }
  | { readonly kind: 'scan'; readonly slot: number }
  | { readonly kind: 'crossSlot' };

const POSITIONS_PER_HASH = 4294967296;

/** Where a read or write goes in a table of `slots` slots. */
export function planOf(row: CommandRow, argv: Args, slots: number): Plan {
  const keys = keysOf(row, argv);
  if (keys.length === 1) return { kind: 'one', slot: slotOfHash(hash14(keys[0]!), slots) };
  if (keys.length === 0) return planWithoutKeys(row, argv, slots);
  const slotOfEach = keys.map((key) => slotOfHash(hash14(key), slots));
  if (slotOfEach.every((slot) => slot === slotOfEach[0])) return { kind: 'one', slot: slotOfEach[0]! };
  if (row.policy?.request !== 'multi_shard') return { kind: 'crossSlot' };
  return { kind: 'parts', parts: cut(row, argv, slotOfEach), policy: row.policy, keyCount: keys.length };
}

function planWithoutKeys(row: CommandRow, argv: Args, slots: number): Plan {
  if (row.policy?.request === 'all_shards') {
    const parts = Array.from({ length: slots }, (_, slot) => ({ slot, argv, places: [] }));
    return { kind: 'parts', parts, policy: row.policy, keyCount: 0 };
  }
  if (row.name !== 'scan') return { kind: 'one', slot: 0 };
  const hash = Math.min(HASH_SLOTS - 1, Math.floor(scanCursor(argv[1]!) / POSITIONS_PER_HASH));
  return { kind: 'scan', slot: slotOfHash(hash, slots) };
}

function cut(row: CommandRow, argv: Args, slotOfEach: readonly number[]): Part[] {
  const { first, step } = row.keys!;
  const parts = new Map<number, { argv: Buffer[]; places: number[] }>();
  slotOfEach.forEach((slot, place) => {
    let part = parts.get(slot);
    if (part === undefined) {
      part = { argv: [...argv.slice(0, first)], places: [] };
      parts.set(slot, part);
    }
    const at = first + place * step;
    part.argv.push(...argv.slice(at, at + step));
    part.places.push(place);
  });
  return [...parts].map(([slot, part]) => ({ slot, ...part }));
}

/** The cursor with which a scan that ended on `slot` goes on; `0` after the last. */
export function cursorAfterSlot(slot: number, slots: number): string {
  if (slot + 1 >= slots) return '0';
  return String(hashRangeOfSlot(slot + 1, slots).first * POSITIONS_PER_HASH + 1);
}

/** A slot's SCAN reply as the table's: the cursor leads on to the next slot. */
export function scanReply(reply: Reply, slot: number, slots: number): Reply {
  if (reply.kind !== 'array') return reply;
  const [cursor, keys] = reply.items;
  const ended = cursor?.kind === 'bulk' && cursor.bytes.length === 1 && cursor.bytes[0] === 0x30;
  return ended ? array([bulk(cursorAfterSlot(slot, slots)), keys!]) : reply;
}

/** The merged answer of all parts, in the order of `parts`. */
export function merge(
  row: CommandRow,
  plan: Plan & { kind: 'parts' },
  outcomes: readonly RouteOutcome[],
): RouteOutcome {
  const failed = outcomes.filter((outcome) => outcome.kind !== 'done');
  if (failed.length === 0) return mergeDone(row, plan, outcomes.map(replyOf));
  const undone = outcomes.every((outcome) => outcome.kind === 'refused');
  if (undone || (!isWrite(row) && failed[0]!.kind === 'refused')) return failed[0]!;
  return { kind: 'unknown' };
}

/** A part that answers an error did nothing; where another part of a write did, the whole is not "not done". */
function mergeDone(row: CommandRow, plan: Plan & { kind: 'parts' }, replies: readonly Reply[]): RouteOutcome {
  const mistakes = replies.filter((reply) => reply.kind === 'error').length;
  if (isWrite(row) && mistakes > 0 && mistakes < replies.length) return { kind: 'unknown' };
  return { kind: 'done', replies: [mergeReplies(plan, replies)] };
}

function replyOf(outcome: RouteOutcome): Reply {
  return outcome.kind === 'done' ? outcome.replies[0]! : error('ERR internal error');
}

function mergeReplies(plan: Plan & { kind: 'parts' }, replies: readonly Reply[]): Reply {
  const mistake = replies.find((reply) => reply.kind === 'error');
  if (mistake !== undefined) return mistake;
  switch (plan.policy.response) {
    case 'all_succeeded':
      return replies[0] ?? OK;
    case 'agg_sum':
      return integer(
        replies.reduce((sum, reply) => sum + (reply.kind === 'integer' ? Number(reply.value) : 0), 0),
      );
    case 'special':
    case 'concat':
      return array(concat(plan, replies));
  }
}

/** All items; for a command with keys each in its key's place. */
function concat(plan: Plan & { kind: 'parts' }, replies: readonly Reply[]): Reply[] {
  const lists = replies.map((reply) => (reply.kind === 'array' ? reply.items : []));
  if (plan.keyCount === 0) return lists.flat();
  const placed: Reply[] = new Array(plan.keyCount);
  lists.forEach((items, part) => {
    items.forEach((item, i) => {
      placed[plan.parts[part]!.places[i]!] = item;
    });
  });
  return placed;
}

/** The same SCAN from the beginning of a slot. */
export function fromStart(argv: Args): Args {
  return [argv[0]!, Buffer.from('0'), ...argv.slice(2)];
}

/** Of a SCAN's reply. */
export function foundNone(reply: Reply): boolean {
  const keys = reply.kind === 'array' ? reply.items[1] : undefined;
  return keys?.kind === 'array' && keys.items.length === 0;
}
