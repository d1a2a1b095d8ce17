/**
 * The peer service on the wire: `talus.peer.v1.PeerService` without generated code and without protobufjs.
 *
 * Each of its eight messages is `repeated bytes frames = 1`, so one pair of functions serves them all: a tag, a length
 * and the bytes, for each frame. Byte-compatible with proto/talus/peer/v1/peer.proto (a test holds the two together);
 * protobufjs takes about twice the time for small frames, and types of its own. Unknown fields are skipped, as protobuf wants
 * it, so that a later version may add some.
 *
 * Decoded frames alias the message that they came in: whoever keeps a small part of one for long copies it.
 */
import type { MethodDefinition } from '@grpc/grpc-js';
import { FormatError } from '../bytes.js';

/** Field 1, wire type 2 (length-delimited). */
const FRAMES_TAG = 0x0a;

/** Frames that travel as one gRPC message. */
export type Frames = readonly Buffer[];

export function encodeFrameList(frames: Frames): Buffer {
  let length = 0;
  for (const frame of frames) length += 1 + varintBytes(frame.length) + frame.length;
  const out = Buffer.allocUnsafe(length);
  let at = 0;
  for (const frame of frames) {
    out[at++] = FRAMES_TAG;
    at = writeVarint(out, at, frame.length);
    out.set(frame, at);
    at += frame.length;
  }
  return out;
}

/** Throws FormatError on anything that is not a protobuf message. */
export function decodeFrameList(message: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  const cursor: Cursor = { message, at: 0 };
  while (cursor.at < message.length) {
    const tag = readVarint(cursor);
    if (tag === FRAMES_TAG) frames.push(take(cursor, readVarint(cursor)));
    else skipField(cursor, tag);
  }
  return frames;
}

interface Cursor {
  readonly message: Buffer;
  at: number;
}

function take(cursor: Cursor, length: number): Buffer {
  const end = cursor.at + length;
  if (end > cursor.message.length) throw new FormatError(`field of ${length} bytes runs past its message`);
  const bytes = cursor.message.subarray(cursor.at, end);
  cursor.at = end;
  return bytes;
}

function skipField(cursor: Cursor, tag: number): void {
  if (tag < 8) throw new FormatError(`field number 0`);
  switch (tag % 8) {
    case 0:
      readVarint(cursor);
      return;
    case 1:
      take(cursor, 8);
      return;
    case 2:
      take(cursor, readVarint(cursor));
      return;
    case 5:
      take(cursor, 4);
      return;
    default:
      throw new FormatError(`wire type ${tag % 8}`);
  }
}

/** Protobuf's varints may be ten bytes long; what goes beyond 2^53 is no length and no value that we keep. */
function readVarint(cursor: Cursor): number {
  let value = 0;
  let scale = 1;
  for (let count = 0; count < 10; count++) {
    const byte = cursor.message[cursor.at++];
    if (byte === undefined) throw new FormatError('message ends within a varint');
    value += (byte & 127) * scale;
    if (byte < 128) return value;
    scale *= 128;
  }
  throw new FormatError('varint longer than ten bytes');
}

function writeVarint(out: Buffer, start: number, value: number): number {
  let at = start;
  let rest = value;
  while (rest >= 128) {
    out[at++] = (rest & 127) | 128;
    rest >>>= 7;
  }
  out[at++] = rest;
  return at;
}

/** Bytes of `value` as a varint. */
function varintBytes(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : value < 0x10000000 ? 4 : 5;
}

export type PeerMethodName = 'Control' | 'BinlogSync' | 'Forward' | 'Snapshot';
type PeerMethod = MethodDefinition<Frames, Frames>;

function method(name: PeerMethodName): PeerMethod {
  return {
    path: `/talus.peer.v1.PeerService/${name}`,
    requestStream: true,
    responseStream: true,
    requestSerialize: encodeFrameList,
    requestDeserialize: decodeFrameList,
    responseSerialize: encodeFrameList,
    responseDeserialize: decodeFrameList,
    originalName: name,
  };
}

/** For `Server.addService` and `Client.makeBidiStreamRequest` alike. */
export const peerMethods: Readonly<Record<PeerMethodName, PeerMethod>> = {
  Control: method('Control'),
  BinlogSync: method('BinlogSync'),
  Forward: method('Forward'),
  Snapshot: method('Snapshot'),
};
