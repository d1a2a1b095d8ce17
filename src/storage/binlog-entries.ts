/**
 * How a run of log entries looks as bytes: the same on disk and on the wire, so that it is encoded once.
 *
 *   run   = varint first index | varint count (at least 1) | count times entry
 *   entry = varint term | u8 kind | varint length | data
 *
 * Indexes follow one another, so only the first is written. Framing, checksums and owners are binlog-record.ts'.
 */
import { ByteReader, ByteWriter, FormatError } from '../bytes.js';
import type { BinlogEntry } from './binlog.js';

/** Consecutive entries of one term. */
export interface TermRun {
  readonly first: number;
  readonly last: number;
  readonly term: number;
}

const KIND_CODES = { empty: 0, command: 1, configuration: 2 } as const;
const KINDS: readonly BinlogEntry['kind'][] = ['empty', 'command', 'configuration'];
/** Varints, kind and length of one entry at their usual size; only an estimate for buffers and limits. */
const ENTRY_OVERHEAD_BYTES = 8;

/** `entries` is not empty and its indexes are consecutive. */
export function encodeEntries(entries: readonly BinlogEntry[]): Buffer {
  const out = new ByteWriter(32 + entriesBytes(entries));
  writeEntries(out, entries);
  return out.finish();
}

export function writeEntries(out: ByteWriter, entries: readonly BinlogEntry[]): void {
  const first = entries[0];
  if (first === undefined) throw new FormatError('a run of no entries');
  out.varint(first.index).varint(entries.length);
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i]!;
    if (entry.index !== first.index + i) {
      throw new FormatError(`entry ${entry.index} where ${first.index + i} should follow`);
    }
    out.varint(entry.term).u8(KIND_CODES[entry.kind]).bytes(entry.data);
  }
}

/** The entries' data aliases `payload`, which the caller must not change and which stays in memory as long. */
export function decodeEntries(payload: Uint8Array): BinlogEntry[] {
  const entries: BinlogEntry[] = [];
  walk(payload, (index, term, kind, input, lengthBytes) => {
    entries.push({ index, term, kind, data: input.raw(lengthBytes) });
  });
  return entries;
}

/** What the index needs to know of a run, without touching the data. */
export function termRunsOf(payload: Uint8Array): TermRun[] {
  const runs: TermRun[] = [];
  walk(payload, (index, term, _kind, input, lengthBytes) => {
    if (lengthBytes > input.remaining) throw new FormatError(`entry ${index} is cut short`);
    input.position += lengthBytes;
    extend(runs, index, term);
  });
  return runs;
}

export function termRunsOfEntries(entries: readonly BinlogEntry[]): TermRun[] {
  const runs: TermRun[] = [];
  for (const entry of entries) extend(runs, entry.index, entry.term);
  return runs;
}

/** About what the entries take on disk; used for limits, not for offsets. */
export function entriesBytes(entries: readonly BinlogEntry[]): number {
  let sum = 0;
  for (const entry of entries) sum += entry.data.length + ENTRY_OVERHEAD_BYTES;
  return sum;
}

type Visit = (
  index: number,
  term: number,
  kind: BinlogEntry['kind'],
  input: ByteReader,
  lengthBytes: number,
) => void;

/** `visit` stands before the entry's data and must consume it. */
function walk(payload: Uint8Array, visit: Visit): void {
  const input = new ByteReader(payload);
  const first = input.varint();
  const count = input.varint();
  if (first < 1 || count < 1 || !Number.isSafeInteger(first + count)) {
    throw new FormatError(`a run of ${count} entries from ${first}`);
  }
  for (let i = 0; i < count; i++) {
    const term = input.varint();
    const code = input.u8();
    const kind = KINDS[code];
    if (kind === undefined) throw new FormatError(`entry kind ${code}`);
    visit(first + i, term, kind, input, input.varint());
  }
  input.end();
}

function extend(runs: TermRun[], index: number, term: number): void {
  const run = runs[runs.length - 1];
  if (run !== undefined && run.term === term) runs[runs.length - 1] = { first: run.first, last: index, term };
  else runs.push({ first: index, last: index, term });
}
