/**
 * A binlog's frames as people read them: one line a frame, and one an entry, as text or as JSON. Keys and values are shown as they
 * are where they are plain text; every other byte as `\xNN`, so that nothing is lost and no terminal is confused.
 */
import { FormatError } from '../bytes.js';
import { decodeMembershipStep } from '../raft/membership.js';
import { decodeBirth, incarnationOf, nodeOf } from '../slot/birth.js';
import { decodeEntry } from '../slot/entry.js';
import { decodeMark } from '../slot/snapshot-install.js';
import type { BinlogEntry } from '../storage/binlog.js';
import { decodeEntries, decodeSmall, type GoodFrame, type SmallRecord } from '../storage/binlog-record.js';
import { segmentPath } from '../storage/binlog-segment.js';

export interface DumpFilter {
  readonly replicaId?: number;
  /** Entries from this index on, and nothing else. */
  readonly from?: number;
}

/** A line's fields; the first ones are those of every line. */
export type DumpLine = Readonly<Record<string, unknown>>;

/** The lines of one frame, as far as they are asked for. Throws FormatError where its payload makes no sense. */
export function linesOf(frame: GoodFrame, segment: number, filter: DumpFilter): readonly DumpLine[] {
  const { offset, replicaId, recordKind, copied, startsBatch } = frame;
  if (filter.replicaId !== undefined && filter.replicaId !== replicaId) return [];
  const place = { file: segmentPath(segment), offset, replica: replicaId };
  const flags = { ...(startsBatch && { batch: true }), ...(copied && { copied: true }) };
  if (recordKind === 'entries') {
    const from = filter.from ?? 0;
    const entries = decodeEntries(frame.payload).filter(({ index }) => index >= from);
    return entries.map((entry) => ({ ...place, kind: 'entry', ...flags, ...entryFields(entry) }));
  }
  if (filter.from !== undefined) return [];
  return [{ ...place, kind: recordKind, ...flags, ...smallFields(decodeSmall(frame)) }];
}

/** `file @offset replica 3 kind: name value, name value`. */
export function textOfLine({ file, offset, replica, kind, batch, copied, ...fields }: DumpLine): string {
  const marks = `${batch === true ? ' [batch]' : ''}${copied === true ? ' [copied]' : ''}`;
  const words = Object.entries(fields).map(([name, value]) => `${name} ${textOfValue(value)}`);
  return `${file} @${offset} replica ${replica} ${kind}${marks}: ${words.join(', ')}`;
}

function textOfValue(value: unknown): string {
  if (!Array.isArray(value)) return String(value);
  return value
    .map((item) => (Array.isArray(item) ? `(${item.map(quoted).join(' ')})` : String(item)))
    .join(' ');
}

function quoted(word: unknown): string {
  return /^[\w.:-]+$/.test(String(word)) ? String(word) : `"${word}"`;
}

function entryFields({ index, term, kind, data }: BinlogEntry): object {
  return { index, term, type: kind, ...contentOf(kind, data) };
}

function contentOf(kind: BinlogEntry['kind'], data: Buffer): object {
  try {
    if (kind === 'empty') return {};
    if (kind === 'configuration') return configurationOf(data);
    const { rules, timeMs, groups } = decodeEntry(data);
    // A group is one client's unit: its commands stand together.
    const commands = groups.flatMap((group) => group.commands.map((argv) => argv.map(shown)));
    const atomic = groups.some((group) => group.kind === 'atomic');
    return { timeMs, rules, ...(atomic && { atomic }), commands };
  } catch (why) {
    if (!(why instanceof FormatError)) throw why;
    return { unreadable: why.message, data: data.toString('hex') };
  }
}

function configurationOf(data: Buffer): object {
  const step = decodeMembershipStep(data);
  if (step.kind === 'leaveJoint') return { step: step.kind };
  return { step: step.kind, changes: step.operations.map(({ kind, id }) => `${kind}:${member(id)}`) };
}

function smallFields(record: SmallRecord): object {
  switch (record.kind) {
    case 'hardState':
      return {
        term: record.term,
        votedFor: record.votedFor === 0 ? 'nobody' : member(record.votedFor),
        commit: record.commit,
      };
    case 'birth':
      return birthFields(record.birth);
    case 'tombstone':
      return birthFields(record.tombstone);
    case 'snapshot': {
      const { index, term, keepsSuffix, mark } = record;
      return { index, term, keepsSuffix, state: decodeMark(mark) };
    }
    case 'logStart':
      return { index: record.index, term: record.term };
    case 'led':
      return { terms: record.terms };
  }
}

function birthFields(bytes: Buffer): object {
  if (bytes.length === 0) return { group: 'unknown' };
  const { groupId, tableId, slot, memberId, voters } = decodeBirth(bytes);
  return { group: groupId, table: tableId, slot, member: member(memberId), voters: voters.map(member) };
}

/** The node, and its incarnation behind a dot. */
function member(id: number): string {
  return `${nodeOf(id)}.${incarnationOf(id)}`;
}

function shown(bytes: Buffer): string {
  let text = '';
  for (const byte of bytes) {
    const isPlain = byte >= 0x20 && byte < 0x7f && byte !== 0x22 && byte !== 0x5c;
    text += isPlain ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return text;
}
