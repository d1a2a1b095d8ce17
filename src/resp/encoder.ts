/**
 * Replies into bytes, in the dialect of the connection, as Redis 7.2 writes them.
 *
 * RESP2 has fewer words: a map becomes a flat array, sets and pushes become arrays, doubles and verbatim strings
 * become bulks, booleans become integers, null becomes `$-1` or `*-1`. A line cannot hold a line end, so one in a
 * simple or error text becomes a blank.
 *
 * `peer` is RESP3 for talk between nodes: it also tells the two nulls apart, because the node that a reply is
 * carried to may have to write it in RESP2. Decoding it gives back exactly what was encoded.
 */
import { unreachable } from '../assert.js';
import { formatDouble } from './number.js';
import type { Reply } from './reply.js';
import type { ReplyWriter } from './writer.js';

export type Protocol = 2 | 3;
export type Dialect = Protocol | 'peer';

const BULK = 36;
const ARRAY = 42;
const MAP = 37;
const SET = 126;
const PUSH = 62;
const SIMPLE = 43;
const ERROR = 45;
const INTEGER = 58;
const DOUBLE = 44;
const VERBATIM = 61;
const COLON = 58;

const LINE_END = /[\r\n]/;
const OUTER_LINE_ENDS = /^[\r\n]+|[\r\n]+$/g;
const EACH_LINE_END = /[\r\n]/g;

/** What marker, length and line ends may cost besides the payload. */
const FRAME_BYTES = 24;

export function encodeReply(reply: Reply, dialect: Dialect, out: ReplyWriter): void {
  switch (reply.kind) {
    case 'simple':
      line(SIMPLE, reply.text, out);
      break;
    case 'error':
      line(ERROR, reply.text, out);
      break;
    case 'integer':
      integer(reply.value, out);
      break;
    case 'bulk':
      bulk(BULK, reply.bytes, out);
      break;
    case 'latin1':
      out.head(BULK, reply.text.length);
      out.latin1(reply.text);
      out.crlf();
      break;
    case 'null':
      nothing(reply.array === true, dialect, out);
      break;
    case 'array':
      sequence(ARRAY, reply.items, dialect, out);
      break;
    case 'map':
      map(reply.entries, dialect, out);
      break;
    case 'set':
      sequence(dialect === 2 ? ARRAY : SET, reply.items, dialect, out);
      break;
    case 'push':
      sequence(dialect === 2 ? ARRAY : PUSH, reply.items, dialect, out);
      break;
    case 'double':
      double(reply.value, dialect, out);
      break;
    case 'boolean':
      boolean(reply.value, dialect, out);
      break;
    case 'verbatim':
      verbatim(reply.format, reply.bytes, dialect, out);
      break;
    default:
      unreachable(reply);
  }
}

/** About the bytes that the reply takes once encoded, never fewer for what is large; cheap. */
export function replyBytes(reply: Reply): number {
  switch (reply.kind) {
    case 'simple':
    case 'error':
    case 'latin1':
      return FRAME_BYTES + reply.text.length;
    case 'bulk':
    case 'verbatim':
      return FRAME_BYTES + reply.bytes.length;
    case 'array':
    case 'set':
    case 'push':
      return sumBytes(reply.items);
    case 'map': {
      let total = FRAME_BYTES;
      for (const entry of reply.entries) total += replyBytes(entry[0]) + replyBytes(entry[1]);
      return total;
    }
    default:
      return FRAME_BYTES;
  }
}

function sumBytes(items: readonly Reply[]): number {
  let total = FRAME_BYTES;
  for (const item of items) total += replyBytes(item);
  return total;
}

function line(marker: number, text: string, out: ReplyWriter): void {
  out.byte(marker);
  out.text(LINE_END.test(text) ? oneLine(text) : text);
  out.crlf();
}

/** As Redis: line ends around the text go, those inside become blanks. */
function oneLine(text: string): string {
  return text.replace(OUTER_LINE_ENDS, '').replace(EACH_LINE_END, ' ');
}

function integer(value: number | bigint, out: ReplyWriter): void {
  if (typeof value === 'number') {
    out.head(INTEGER, value);
  } else {
    out.byte(INTEGER);
    out.text(String(value));
    out.crlf();
  }
}

function bulk(marker: number, bytes: Buffer, out: ReplyWriter): void {
  out.head(marker, bytes.length);
  out.raw(bytes);
  out.crlf();
}

function nothing(isArray: boolean, dialect: Dialect, out: ReplyWriter): void {
  if (dialect === 3 || (dialect === 'peer' && !isArray)) out.text('_\r\n');
  else out.text(isArray ? '*-1\r\n' : '$-1\r\n');
}

function sequence(marker: number, items: readonly Reply[], dialect: Dialect, out: ReplyWriter): void {
  out.head(marker, items.length);
  for (const item of items) encodeReply(item, dialect, out);
}

function map(entries: readonly (readonly [Reply, Reply])[], dialect: Dialect, out: ReplyWriter): void {
  if (dialect === 2) out.head(ARRAY, entries.length * 2);
  else out.head(MAP, entries.length);
  for (const [key, value] of entries) {
    encodeReply(key, dialect, out);
    encodeReply(value, dialect, out);
  }
}

function double(value: number, dialect: Dialect, out: ReplyWriter): void {
  const text = formatDouble(value);
  if (dialect === 2) out.head(BULK, text.length);
  else out.byte(DOUBLE);
  out.text(text);
  out.crlf();
}

function boolean(value: boolean, dialect: Dialect, out: ReplyWriter): void {
  if (dialect === 2) out.head(INTEGER, value ? 1 : 0);
  else out.text(value ? '#t\r\n' : '#f\r\n');
}

/** The format is three characters on the wire: cut, or filled with blanks. */
function verbatim(format: string, bytes: Buffer, dialect: Dialect, out: ReplyWriter): void {
  if (dialect === 2) {
    bulk(BULK, bytes, out);
  } else {
    out.head(VERBATIM, bytes.length + 4);
    out.raw(Buffer.from(format.padEnd(3).slice(0, 3), 'latin1'));
    out.byte(COLON);
    out.raw(bytes);
    out.crlf();
  }
}
