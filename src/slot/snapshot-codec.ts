/**
 * What two nodes say about one snapshot: down the `snapshot` lane from the leader, up the `snapshotAck` lane from the member.
 *
 *   frame     = u8 version (1) | u8 kind | text transferId | the fields of the kind
 *   begin     = varint groupId | varint from | varint to | varint term | meta (as in the engine, record.ts)
 *   chunk     = varint sequence, from 1 | u32 CRC32C of the bytes | bytes: a piece of the stream of rows (snapshot-rows.ts)
 *   end       = varint sequence of the last chunk | varint rows | u32 CRC32C of all chunks' bytes, one after the other
 *   cancel    = nothing more comes
 *   written   = varint sequence: all chunks up to it are on disk; 0: send the first
 *   busy      = not now: too many come in at once
 *   refused   = text why: nothing more is wanted
 *   installed = nothing more is needed
 *
 * A transferId is never used twice, also not by another life of its node: an answer may reach a later connection than
 * the one that brought the question. Malformed input throws FormatError and nothing else.
 */
import { crc32c } from '@node-rs/crc32';
import { ByteReader, ByteWriter, FormatError } from '../bytes.js';
import type { MemberId } from '../raft/message.js';
import { decodeMeta, encodeMeta, type StateMeta } from './record.js';

export interface SnapshotBegin {
  readonly kind: 'begin';
  readonly transferId: string;
  readonly groupId: number;
  readonly from: MemberId;
  readonly to: MemberId;
  readonly term: number;
  /** Of the state that is sent: its index, term and configuration are the snapshot's mark. */
  readonly meta: StateMeta;
}

export interface SnapshotChunk {
  readonly kind: 'chunk';
  readonly transferId: string;
  readonly sequence: number;
  readonly bytes: Buffer;
}

export interface SnapshotEnd {
  readonly kind: 'end';
  readonly transferId: string;
  readonly sequence: number;
  readonly rows: number;
  readonly checksum: number;
}

export type SnapshotMessage =
  | SnapshotBegin
  | SnapshotChunk
  | SnapshotEnd
  | { readonly kind: 'cancel'; readonly transferId: string };

export type SnapshotAck =
  | { readonly kind: 'written'; readonly transferId: string; readonly sequence: number }
  | { readonly kind: 'busy'; readonly transferId: string }
  | { readonly kind: 'refused'; readonly transferId: string; readonly why: string }
  | { readonly kind: 'installed'; readonly transferId: string };

/** A larger chunk is malformed: it would hold up what shares its connection. */
export const SNAPSHOT_CHUNK_BYTES_MAX = 256 * 1024;
const VERSION = 1;
const TRANSFER_ID_BYTES_MAX = 64;
const WHY_BYTES_MAX = 1024;

/** In the order of their codes. Append only. */
const MESSAGE_KINDS: readonly SnapshotMessage['kind'][] = ['begin', 'chunk', 'end', 'cancel'];
const ACK_KINDS: readonly SnapshotAck['kind'][] = ['written', 'refused', 'installed', 'busy'];

export function encodeSnapshotMessage(message: SnapshotMessage): Buffer {
  const out = new ByteWriter(128 + (message.kind === 'chunk' ? message.bytes.length : 0));
  out.u8(VERSION).u8(MESSAGE_KINDS.indexOf(message.kind)).text(message.transferId);
  switch (message.kind) {
    case 'begin':
      out.varint(message.groupId).varint(message.from).varint(message.to).varint(message.term);
      out.raw(encodeMeta(message.meta));
      break;
    case 'chunk':
      out.varint(message.sequence).u32(crc32c(message.bytes)).raw(message.bytes);
      break;
    case 'end':
      out.varint(message.sequence).varint(message.rows).u32(message.checksum);
      break;
    case 'cancel':
  }
  return out.finish();
}

/** A chunk's bytes alias the input. */
export function decodeSnapshotMessage(bytes: Buffer): SnapshotMessage {
  const { input, kind, transferId } = open(bytes, MESSAGE_KINDS);
  switch (kind) {
    case 'begin': {
      const [groupId, from, to, term] = [input.varint(), input.varint(), input.varint(), input.varint()];
      return { kind, transferId, groupId, from, to, term, meta: decodeMeta(input.raw(input.remaining)) };
    }
    case 'chunk': {
      const sequence = input.varint();
      const checksum = input.u32();
      const content = input.raw(input.remaining);
      if (content.length > SNAPSHOT_CHUNK_BYTES_MAX)
        throw new FormatError(`chunk of ${content.length} bytes`);
      if (crc32c(content) !== checksum) throw new FormatError(`chunk ${sequence} has another checksum`);
      return { kind, transferId, sequence, bytes: content };
    }
    case 'end': {
      const [sequence, rows, checksum] = [input.varint(), input.varint(), input.u32()];
      input.end();
      return { kind, transferId, sequence, rows, checksum };
    }
    case 'cancel':
      input.end();
      return { kind, transferId };
  }
}

export function encodeSnapshotAck(ack: SnapshotAck): Buffer {
  const out = new ByteWriter(64);
  out.u8(VERSION).u8(ACK_KINDS.indexOf(ack.kind)).text(ack.transferId);
  if (ack.kind === 'written') out.varint(ack.sequence);
  if (ack.kind === 'refused') out.text(ack.why.slice(0, WHY_BYTES_MAX / 4));
  return out.finish();
}

export function decodeSnapshotAck(bytes: Buffer): SnapshotAck {
  const { input, kind, transferId } = open(bytes, ACK_KINDS);
  const ack = readAck(input, kind, transferId);
  input.end();
  return ack;
}

function readAck(input: ByteReader, kind: SnapshotAck['kind'], transferId: string): SnapshotAck {
  switch (kind) {
    case 'written':
      return { kind, transferId, sequence: input.varint() };
    case 'refused': {
      const why = input.text();
      if (why.length > WHY_BYTES_MAX) throw new FormatError(`a reason of ${why.length} characters`);
      return { kind, transferId, why };
    }
    case 'installed':
    case 'busy':
      return { kind, transferId };
  }
}

function open<Kind>(
  bytes: Buffer,
  kinds: readonly Kind[],
): { readonly input: ByteReader; readonly kind: Kind; readonly transferId: string } {
  const input = new ByteReader(bytes);
  const version = input.u8();
  if (version !== VERSION) throw new FormatError(`snapshot protocol ${version}, known is ${VERSION}`);
  const code = input.u8();
  const kind = kinds[code];
  if (kind === undefined) throw new FormatError(`snapshot message kind ${code}`);
  const transferId = input.text();
  if (transferId.length > TRANSFER_ID_BYTES_MAX) throw new FormatError('transfer id too long');
  return { input, kind, transferId };
}
