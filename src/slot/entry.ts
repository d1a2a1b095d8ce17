/**
 * What a command entry of the log holds: everything that apply may depend on, decided once by the leader.
 *
 *   u8 version (1) | varint rules | u64 timeMs | u32 seedHigh | u32 seedLow | varint groups |
 *   per group: u8 kind (0 lone, 1 atomic) | varint commands | per command: varint argc | argc x (varint length, bytes)
 *
 * A group is one client's atomic unit. An entry without groups is a clock entry: it only moves slot time.
 * `rules` is the cluster's feature level at stamping, so that a changed handler cannot split replicas.
 */
import { ByteReader, ByteWriter, FormatError } from '../bytes.js';

export const ENTRY_VERSION = 1;
/** The feature level that this build writes; raised when a handler's outcome changes. */
export const RULES = 1;

export interface CommandGroup {
  /** `atomic` publishes its effects whole; the commands of a `lone` group one by one. */
  readonly kind: 'lone' | 'atomic';
  readonly commands: readonly (readonly Buffer[])[];
}

export interface CommandEntry {
  readonly rules: number;
  /** Slot time, whole milliseconds since the epoch. */
  readonly timeMs: number;
  readonly seedHigh: number;
  readonly seedLow: number;
  readonly groups: readonly CommandGroup[];
}

export function encodeEntry(entry: CommandEntry): Buffer {
  const out = new ByteWriter(ENTRY_HEAD_BYTES_MAX + bytesOfGroups(entry.groups));
  out.u8(ENTRY_VERSION).varint(entry.rules).u64(entry.timeMs).u32(entry.seedHigh).u32(entry.seedLow);
  out.varint(entry.groups.length);
  for (const group of entry.groups) {
    out.u8(group.kind === 'atomic' ? 1 : 0).varint(group.commands.length);
    for (const argv of group.commands) encodeArgv(out, argv);
  }
  return out.finish();
}

/** The arguments alias `bytes`. Throws FormatError on anything that encodeEntry does not write. */
export function decodeEntry(bytes: Buffer): CommandEntry {
  const input = new ByteReader(bytes);
  const version = input.u8();
  if (version !== ENTRY_VERSION) throw new FormatError(`entry version ${version}, known is ${ENTRY_VERSION}`);
  const rules = input.varint();
  const timeMs = input.u64();
  const seedHigh = input.u32();
  const seedLow = input.u32();
  const groups = decodeList(input, decodeGroup);
  input.end();
  return { rules, timeMs, seedHigh, seedLow, groups };
}

/** What an entry holds beside its groups, at most. */
export const ENTRY_HEAD_BYTES_MAX = 33;

/** About what a group adds to an entry; for limits, so an estimate from above. */
export function bytesOfGroup(group: CommandGroup): number {
  let bytes = 8;
  for (const argv of group.commands) {
    bytes += 4;
    for (const argument of argv) bytes += argument.length + 5;
  }
  return bytes;
}

export function encodeArgv(out: ByteWriter, argv: readonly Buffer[]): void {
  out.varint(argv.length);
  for (const argument of argv) out.bytes(argument);
}

export function decodeArgv(input: ByteReader): Buffer[] {
  return decodeList(input, decodeBytes);
}

/** A counted list. A long one grows as items come, so that a count from a damaged or hostile source costs nothing. */
export function decodeList<T>(input: ByteReader, item: (input: ByteReader) => T): T[] {
  const count = input.varint();
  const items = new Array<T>(Math.min(count, SHORT_LIST_LENGTH));
  for (let at = 0; at < count; at++) items[at] = item(input);
  return items;
}

/** Room for so many is taken at once: what grows by itself takes room for seventeen. */
const SHORT_LIST_LENGTH = 64;

const decodeBytes = (input: ByteReader): Buffer => input.bytes();

function bytesOfGroups(groups: readonly CommandGroup[]): number {
  let bytes = 0;
  for (const group of groups) bytes += bytesOfGroup(group);
  return bytes;
}

function decodeGroup(input: ByteReader): CommandGroup {
  const kind = input.u8();
  if (kind > 1) throw new FormatError(`group kind ${kind}`);
  const commands = decodeList(input, decodeArgv);
  return { kind: kind === 1 ? 'atomic' : 'lone', commands };
}
