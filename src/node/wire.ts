/**
 * What nodes say on the request and reply lanes: forwarded client requests, the question who leads, the question of a member
 * that is not wished any more, whether its group has removed it, and that of WAIT, how many members have an entry on disk.
 *
 *   request  u8 version (1) | u8 kind | varint requestId | varint groupId | ...
 *     execute  varint expectedTerm | varint remainingMs | text session | u8 read/write | u8 lone/atomic | commands
 *     leader   nothing more
 *     standing varint memberId | varint term, the member's own
 *     acks     varint index | varint term, of an entry | varint needed | varint remainingMs
 *   reply    u8 version (1) | u8 kind | varint requestId | ...
 *     done     varint replies | each: bytes, RESP3 | of a write: varint index | varint term, its place in the log
 *     refused  u8 why | varint leaderNodeId | varint term
 *     unknown  nothing more
 *     leader   varint leaderNodeId | varint term
 *     standing u8 verdict | varint term
 *     acks     varint count | u8 lost
 *
 * A request is executed where it arrives or refused: it is never forwarded again, so hops are bounded by construction.
 */
import { ByteReader, ByteWriter, FormatError } from '../bytes.js';
import type { MemberId } from '../raft/message.js';
import type { LogPlace } from '../slot/applier.js';
import { type CommandGroup, decodeArgv, decodeList, encodeArgv } from '../slot/entry.js';
import type { RefusalReason } from '../slot/requests.js';

const VERSION = 1;
const REASONS: readonly RefusalReason[] = [
  'notLeader',
  'busy',
  'tooLarge',
  'diskFull',
  'timeout',
  'replyTooLarge',
];

export type WireRequest =
  | {
      readonly kind: 'execute';
      readonly requestId: number;
      readonly groupId: number;
      readonly expectedTerm: number;
      readonly remainingMs: number;
      readonly session: string;
      readonly access: 'read' | 'write';
      readonly group: CommandGroup;
    }
  | { readonly kind: 'leader'; readonly requestId: number; readonly groupId: number }
  | {
      readonly kind: 'standing';
      readonly requestId: number;
      readonly groupId: number;
      readonly memberId: MemberId;
      readonly term: number;
    }
  | {
      readonly kind: 'acks';
      readonly requestId: number;
      readonly groupId: number;
      readonly index: number;
      readonly term: number;
      readonly needed: number;
      readonly remainingMs: number;
    };

export type WireReply =
  | {
      readonly kind: 'done';
      readonly requestId: number;
      readonly replies: readonly Buffer[];
      readonly at?: LogPlace;
    }
  | { readonly kind: 'acks'; readonly requestId: number; readonly count: number; readonly lost: boolean }
  | {
      readonly kind: 'refused';
      readonly requestId: number;
      readonly why: RefusalReason;
      readonly leaderNodeId: number;
      readonly term: number;
    }
  | { readonly kind: 'unknown'; readonly requestId: number }
  | {
      readonly kind: 'leader';
      readonly requestId: number;
      readonly leaderNodeId: number;
      readonly term: number;
    }
  | {
      readonly kind: 'standing';
      readonly requestId: number;
      readonly verdict: Verdict;
      readonly term: number;
    };

/** What a node can say of a member: see standings.ts. */
export type Verdict = 'unknown' | 'member' | 'removed';

const REQUEST_KINDS: readonly WireRequest['kind'][] = ['execute', 'leader', 'standing', 'acks'];
const VERDICTS: readonly Verdict[] = ['unknown', 'member', 'removed'];

export function encodeRequest(request: WireRequest): Buffer {
  const out = new ByteWriter(256);
  out.u8(VERSION).u8(REQUEST_KINDS.indexOf(request.kind));
  out.varint(request.requestId).varint(request.groupId);
  if (request.kind === 'leader') return out.finish();
  if (request.kind === 'standing') return out.varint(request.memberId).varint(request.term).finish();
  const remainingMs = Math.max(0, Math.ceil(request.remainingMs));
  if (request.kind === 'acks') {
    out.varint(request.index).varint(request.term).varint(request.needed).varint(remainingMs);
    return out.finish();
  }
  out.varint(request.expectedTerm).varint(remainingMs).text(request.session);
  out.u8(request.access === 'write' ? 1 : 0).u8(request.group.kind === 'atomic' ? 1 : 0);
  out.varint(request.group.commands.length);
  for (const argv of request.group.commands) encodeArgv(out, argv);
  return out.finish();
}

export function decodeRequest(bytes: Buffer): WireRequest {
  const input = open(bytes);
  const kind = REQUEST_KINDS[input.u8()];
  const requestId = input.varint();
  const groupId = input.varint();
  if (kind === undefined) throw new FormatError('request kind');
  if (kind !== 'execute') return decodeQuestion(kind, requestId, groupId, input);
  const expectedTerm = input.varint();
  const remainingMs = input.varint();
  const session = input.text();
  const access = input.u8() === 1 ? 'write' : 'read';
  const groupKind = input.u8() === 1 ? 'atomic' : 'lone';
  const commands = decodeList(input, () => decodeArgv(input));
  input.end();
  const group: CommandGroup = { kind: groupKind, commands };
  return { kind: 'execute', requestId, groupId, expectedTerm, remainingMs, session, access, group };
}

function decodeQuestion(
  kind: 'leader' | 'standing' | 'acks',
  requestId: number,
  groupId: number,
  input: ByteReader,
): WireRequest {
  if (kind === 'leader') {
    input.end();
    return { kind, requestId, groupId };
  }
  if (kind === 'acks') {
    const place = { index: input.varint(), term: input.varint() };
    const asked = { ...place, needed: input.varint(), remainingMs: input.varint() };
    input.end();
    return { kind, requestId, groupId, ...asked };
  }
  const memberId = input.varint();
  const term = input.varint();
  input.end();
  return { kind, requestId, groupId, memberId, term };
}

const REPLY_KINDS: readonly WireReply['kind'][] = [
  'done',
  'refused',
  'unknown',
  'leader',
  'standing',
  'acks',
];

export function encodeReplyMessage(reply: WireReply): Buffer {
  const out = new ByteWriter(128);
  out.u8(VERSION).u8(REPLY_KINDS.indexOf(reply.kind)).varint(reply.requestId);
  switch (reply.kind) {
    case 'done':
      out.varint(reply.replies.length);
      for (const bytes of reply.replies) out.bytes(bytes);
      if (reply.at !== undefined) out.varint(reply.at.index).varint(reply.at.term);
      break;
    case 'acks':
      out.varint(reply.count).u8(reply.lost ? 1 : 0);
      break;
    case 'refused':
      out.u8(REASONS.indexOf(reply.why)).varint(reply.leaderNodeId).varint(reply.term);
      break;
    case 'leader':
      out.varint(reply.leaderNodeId).varint(reply.term);
      break;
    case 'standing':
      out.u8(VERDICTS.indexOf(reply.verdict)).varint(reply.term);
      break;
    case 'unknown':
  }
  return out.finish();
}

export function decodeReplyMessage(bytes: Buffer): WireReply {
  const input = open(bytes);
  const kind = REPLY_KINDS[input.u8()];
  const requestId = input.varint();
  switch (kind) {
    case 'done': {
      const replies = decodeList(input, () => input.bytes());
      if (input.remaining === 0) return { kind, requestId, replies };
      return { kind, requestId, replies, at: { index: input.varint(), term: input.varint() } };
    }
    case 'acks':
      return { kind, requestId, count: input.varint(), lost: input.u8() === 1 };
    case 'refused': {
      const why = REASONS[input.u8()] ?? 'notLeader';
      return { kind, requestId, why, leaderNodeId: input.varint(), term: input.varint() };
    }
    case 'leader':
      return { kind, requestId, leaderNodeId: input.varint(), term: input.varint() };
    case 'standing': {
      // What a later version may say proves nothing here.
      const verdict = VERDICTS[input.u8()] ?? 'unknown';
      return { kind, requestId, verdict, term: input.varint() };
    }
    case 'unknown':
      return { kind, requestId };
    default:
      throw new FormatError('reply kind');
  }
}

function open(bytes: Buffer): ByteReader {
  const input = new ByteReader(bytes);
  const version = input.u8();
  if (version !== VERSION) throw new FormatError(`forward version ${version}, known is ${VERSION}`);
  return input;
}
