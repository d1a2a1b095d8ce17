/**
 * How a key's record and a state's meta stand in the engine.
 *
 *   record  u8 version (1) | u8 type (1 string, 2 hash, 3 set, 4 sorted set, 5 list, 6 long string) | u8 has expiry |
 *           [u64 expireAtMs] | value
 *   value   a string's bytes, or what a long string or a collection is made of (body-codec.ts)
 *   meta    u8 version (1) | varint appliedIndex | varint appliedTerm | u64 timeMs | varint keys | configuration
 */
import { ByteReader, ByteWriter, FormatError } from '../bytes.js';
import type { Configuration } from '../raft/message.js';
import type { LongString } from './body.js';
import { decodeBody, decodeLongString, encodeBody, encodeLongString } from './body-codec.js';
import type { KeptRecord } from './cell.js';
import { decodeList } from './entry.js';
import type { KeyRecord } from './txn.js';

const VERSION = 1;
/** A kind's place is its number on disk. */
const TYPES = [undefined, 'string', 'hash', 'set', 'zset', 'list'] as const;
/** To all but the disk it is a string. */
const LONG_STRING = 6;

/** What one checkpoint says of its state, in the same atomic batch as the records. */
export interface StateMeta {
  readonly appliedIndex: number;
  readonly appliedTerm: number;
  /** Slot time of the last entry applied. */
  readonly timeMs: number;
  readonly keys: number;
  readonly configuration: Configuration;
}

export function encodeRecord(record: KeptRecord): Buffer {
  if (typeof record === 'string') return encodeText(record, undefined);
  if (record.kind === 'text') return encodeText(record.text, record.expireAtMs);
  const expires = record.expireAtMs !== undefined;
  const short = record.kind === 'string' && Buffer.isBuffer(record.value) ? record.value : undefined;
  const isLong = record.kind === 'string' && short === undefined;
  const out = new ByteWriter(short && short.length + 12);
  out
    .u8(VERSION)
    .u8(isLong ? LONG_STRING : TYPES.indexOf(record.kind))
    .u8(expires ? 1 : 0);
  if (record.expireAtMs !== undefined) out.u64(record.expireAtMs);
  if (short !== undefined) out.raw(short);
  else if (record.kind === 'string') encodeLongString(out, record.value as LongString);
  else encodeBody(out, record.kind, record.body);
  return out.finish();
}

function encodeText(text: string, expireAtMs: number | undefined): Buffer {
  const headBytes = expireAtMs === undefined ? 3 : 11;
  const out = Buffer.allocUnsafe(headBytes + text.length);
  out[0] = VERSION;
  out[1] = TYPES.indexOf('string');
  out[2] = expireAtMs === undefined ? 0 : 1;
  if (expireAtMs !== undefined) {
    out.writeUInt32BE(Math.floor(expireAtMs / 4294967296), 3);
    out.writeUInt32BE(expireAtMs % 4294967296, 7);
  }
  out.write(text, headBytes, 'latin1');
  return out;
}

export function decodeRecord(bytes: Buffer): KeyRecord {
  const input = new ByteReader(bytes);
  expectVersion(input);
  const type = input.u8();
  const kind = type === LONG_STRING ? 'string' : TYPES[type];
  if (kind === undefined) throw new FormatError(`record type ${type}`);
  const expireAtMs = input.u8() === 1 ? input.u64() : undefined;
  if (type === LONG_STRING) return { kind: 'string', value: decodeLongString(input), expireAtMs };
  if (kind === 'string') return { kind, value: input.raw(input.remaining), expireAtMs };
  const body = decodeBody(input, kind);
  input.end();
  return { kind, body, expireAtMs };
}

export function encodeMeta(meta: StateMeta): Buffer {
  const out = new ByteWriter();
  out.u8(VERSION).varint(meta.appliedIndex).varint(meta.appliedTerm).u64(meta.timeMs).varint(meta.keys);
  encodeConfiguration(out, meta.configuration);
  return out.finish();
}

export function decodeMeta(bytes: Buffer): StateMeta {
  const input = new ByteReader(bytes);
  expectVersion(input);
  const appliedIndex = input.varint();
  const appliedTerm = input.varint();
  const timeMs = input.u64();
  const keys = input.varint();
  const configuration = decodeConfiguration(input);
  input.end();
  return { appliedIndex, appliedTerm, timeMs, keys, configuration };
}

export function encodeConfiguration(out: ByteWriter, configuration: Configuration): void {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = configuration;
  for (const members of [voters, votersOutgoing, learners, learnersNext]) {
    out.varint(members.length);
    for (const member of members) out.varint(member);
  }
  out.u8(autoLeave ? 1 : 0);
}

export function decodeConfiguration(input: ByteReader): Configuration {
  const members = (): number[] => decodeList(input, () => input.varint());
  const voters = members();
  const votersOutgoing = members();
  const learners = members();
  const learnersNext = members();
  return { voters, votersOutgoing, learners, learnersNext, autoLeave: input.u8() === 1 };
}

function expectVersion(input: ByteReader): void {
  const version = input.u8();
  if (version !== VERSION) throw new FormatError(`version ${version}, known is ${VERSION}`);
}
