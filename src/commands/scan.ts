/**
 * Walking the keys of a slot: SCAN, KEYS.
 *
 * A SCAN cursor is a position in hash order plus one (0 begins and ends), so it means the same on every replica and
 * outlives restarts and failovers: a key that is there all the while is returned at least once. The handler knows one slot;
 * the router takes the cursor to the slot whose range holds it, and goes on to the next when a slot answers 0.
 */
import { array, bulk, type Reply } from '../resp/reply.js';
import type { ScanPage, ScanPosition, View } from '../slot/txn.js';
import { integerArgument, isWord } from './arguments.js';
import { type Args, CommandError, type ReadRow } from './command.js';
import { syntaxError } from './errors.js';
import { globMatches } from './glob.js';
import { traits } from './traits.js';

/** COUNT is a wish; more than this in one reply would hold up everyone else. */
export const scanCountMax = 10_000;
const COUNT_DEFAULT = 10;
const KEYS_PAGE = 1000;
const POSITIONS = 2 ** 46;
const CURSOR = /^\d{0,20}$/;

const scan = {
  name: 'scan',
  summary: 'Iterates over the key names in the table.',
  since: '2.8.0',
  group: 'generic',
  complexity:
    'O(1) for every call. O(N) for a complete iteration, including enough command calls for the cursor to return back to 0.',
  arity: -2,
  ...traits('keyspace', ['readonly']),
  policy: { request: 'special', response: 'special' },
  parse(args: Args) {
    scanCursor(args[1]!);
    scanOptions(args);
  },
  read: runScan,
} as const satisfies ReadRow;

export interface ScanOptions {
  readonly count: number;
  readonly pattern: Buffer | undefined;
  readonly type: Buffer | undefined;
}

/** From the word at `first` on. */
export function scanOptions(args: Args, first = 2): ScanOptions {
  let options: ScanOptions = { count: COUNT_DEFAULT, pattern: undefined, type: undefined };
  for (let at = first; at < args.length; at += 2) {
    const word = args[at]!;
    const value = args[at + 1];
    if (value === undefined) throw syntaxError();
    if (isWord(word, 'count')) options = { ...options, count: scanCount(value) };
    else if (isWord(word, 'match')) options = { ...options, pattern: value };
    else if (first === 2 && isWord(word, 'type')) options = { ...options, type: value };
    else throw syntaxError();
  }
  return options;
}

function scanCount(value: Buffer): number {
  const count = integerArgument(value);
  if (count < 1) throw syntaxError();
  return Math.min(Number(count), scanCountMax);
}

/** Where a cursor begins, or CommandError. The router reads cursors through this as well. */
export function scanCursor(bytes: Buffer): ScanPosition {
  const text = bytes.toString('latin1');
  if (!CURSOR.test(text)) throw new CommandError('ERR invalid cursor');
  return Math.max(0, Number(text) - 1);
}

function runScan(view: View, args: Args): Reply {
  const from = scanCursor(args[1]!);
  const options = scanOptions(args);
  if (from >= POSITIONS) return array([bulk('0'), array([])]);
  const page = view.scan(from, options.count);
  const cursor = page.next === undefined ? 0 : page.next + 1;
  return array([bulk(String(cursor)), array(chosen(page, options))]);
}

function chosen(page: ScanPage, { pattern, type }: ScanOptions): Reply[] {
  return page.keys
    .filter(({ kind }) => type === undefined || isWord(type, kind))
    .filter(({ key }) => pattern === undefined || globMatches(pattern, key))
    .map(({ key }) => bulk(key));
}

const keys = {
  name: 'keys',
  summary: 'Returns all key names that match a pattern.',
  since: '1.0.0',
  group: 'generic',
  complexity: 'O(N) with N being the number of keys in the table.',
  arity: 2,
  ...traits(['keyspace', 'dangerous'], ['readonly']),
  policy: { request: 'all_shards', response: 'concat' },
  read(view, args) {
    const found: Reply[] = [];
    let from: ScanPosition | undefined = 0;
    while (from !== undefined) {
      const page: ScanPage = view.scan(from, KEYS_PAGE);
      for (const { key } of page.keys) if (globMatches(args[1]!, key)) found.push(bulk(key));
      from = page.next;
    }
    return array(found);
  },
} as const satisfies ReadRow;

export const scanRows = [keys, scan] as const;
