/**
 * Client requests on their way to the node that leads, and the answers on their way back.
 *
 * A request that was handed to the transport has, until its reply, an unknown outcome: a broken stream or a passed deadline
 * says `unknown`, never `refused`. A request that the transport would not take is refused: it went nowhere.
 */
import { FormatError } from '../bytes.js';
import { ChurnMap } from '../churn-map.js';
import type { Env, Timer } from '../env.js';
import type { MemberId } from '../raft/message.js';
import { ReplyDecoder } from '../resp/decoder.js';
import { encodeReply } from '../resp/encoder.js';
import type { Reply } from '../resp/reply.js';
import { ReplyWriter } from '../resp/writer.js';
import type { NodeId, PeerTransport } from '../rpc/transport.js';
import type { AckAnswer, AckQuestion } from '../slot/acks.js';
import type { CommandGroup } from '../slot/entry.js';
import type { Outcome, RefusalReason, SlotRequest } from '../slot/requests.js';
import {
  decodeReplyMessage,
  decodeRequest,
  encodeReplyMessage,
  encodeRequest,
  type Verdict,
  type WireReply,
  type WireRequest,
} from './wire.js';

export interface Leadership {
  /** 0: no leader known. */
  readonly nodeId: NodeId;
  readonly term: number;
}

/** What a node says of a member of a group, and the term that it speaks of. */
export interface Standing {
  readonly verdict: Verdict;
  readonly term: number;
}

/** `refused` also says who leads as far as the refusing node knows. */
export type ForwardOutcome =
  | Exclude<Outcome<Reply>, { kind: 'refused' }>
  | { readonly kind: 'refused'; readonly why: RefusalReason; readonly leader: Leadership | undefined };

export type ReadReplies = readonly Reply[] | undefined;

/** What this node does for others. */
export interface LocalSlots {
  /** The replies to a read, where nothing holds it up; undefined: it is to be executed like others. */
  readNow(groupId: number, session: string, group: CommandGroup, expectedTerm: number): ReadReplies;
  execute(groupId: number, request: SlotRequest<Reply>, expectedTerm: number): void;
  leadership(groupId: number): Leadership;
  standing(groupId: number, memberId: MemberId, memberTerm: number): Standing;
  askAcks(groupId: number, question: AckQuestion): void;
}

interface Outstanding {
  readonly peer: NodeId;
  readonly deadlineMs: number;
  done(outcome: ForwardOutcome): void;
}

/** The peer answers at the deadline; it gets this much longer to be heard. */
const REPLY_GRACE_MS = 500;
const SWEEP_MS = 250;
const REQUEST_ID_START_MAX = 2 ** 50;

export class Forwarder {
  /** Begins elsewhere at each boot: a late reply to the process before this one must find nobody. */
  private nextRequestId: number;
  private readonly outstanding = new ChurnMap<number, Outstanding>();
  private readonly questions = new Map<number, (leader: Leadership) => void>();
  private readonly standings = new Map<number, (standing: Standing) => void>();
  private readonly acks = new Map<number, (answer: AckAnswer) => void>();
  private sweeper: Timer | undefined;
  private readonly writer = new ReplyWriter();

  constructor(
    private readonly env: Env,
    private readonly transport: Pick<PeerTransport, 'send'>,
    private readonly local: LocalSlots,
  ) {
    this.nextRequestId = Math.floor(env.random.float() * REQUEST_ID_START_MAX);
  }

  send(
    peer: NodeId,
    groupId: number,
    expectedTerm: number,
    request: Omit<SlotRequest<Reply>, 'done'>,
    done: (outcome: ForwardOutcome) => void,
  ): void {
    const requestId = ++this.nextRequestId;
    const message = encodeRequest({
      kind: 'execute',
      requestId,
      groupId,
      expectedTerm,
      remainingMs: request.deadlineMs - this.env.monotonicMs(),
      session: request.session,
      access: request.kind,
      group: request.group,
    });
    // Registered first: a transport may answer within send.
    this.outstanding.set(requestId, { peer, deadlineMs: request.deadlineMs + REPLY_GRACE_MS, done });
    if (this.transport.send(peer, 'request', message)) return this.sweepLater();
    this.settle(requestId, { kind: 'refused', why: 'notLeader', leader: undefined });
  }

  /** Asks a peer who leads a group; no answer is no harm. */
  ask(peer: NodeId, groupId: number, answer: (leader: Leadership) => void): void {
    const requestId = ++this.nextRequestId;
    if (!this.transport.send(peer, 'request', encodeRequest({ kind: 'leader', requestId, groupId }))) return;
    this.questions.set(requestId, answer);
    this.env.after(REPLY_GRACE_MS, () => this.questions.delete(requestId));
  }

  /** Asks a peer whether a group has removed a member, whose term is `term`; no answer is no harm. */
  askStanding(
    peer: NodeId,
    groupId: number,
    memberId: MemberId,
    term: number,
    answer: (standing: Standing) => void,
  ): void {
    const requestId = ++this.nextRequestId;
    const question = encodeRequest({ kind: 'standing', requestId, groupId, memberId, term });
    this.standings.set(requestId, answer);
    this.env.after(REPLY_GRACE_MS, () => this.standings.delete(requestId));
    this.transport.send(peer, 'request', question);
  }

  /** Asks a leader how many members have an entry on disk; without an answer it is as if it did not lead. */
  askAcks(peer: NodeId, groupId: number, question: AckQuestion): void {
    const requestId = ++this.nextRequestId;
    const remainingMs = Math.max(0, question.deadlineMs - this.env.monotonicMs());
    const { index, term, needed } = question;
    const settle = (answer: AckAnswer): void => {
      if (this.acks.delete(requestId)) question.answer(answer);
    };
    this.acks.set(requestId, settle);
    this.env.after(remainingMs + REPLY_GRACE_MS, () => settle({ kind: 'refused' }));
    const message = encodeRequest({ kind: 'acks', requestId, groupId, index, term, needed, remainingMs });
    if (!this.transport.send(peer, 'request', message)) settle({ kind: 'refused' });
  }

  peerDown(peer: NodeId): void {
    for (const [requestId, { peer: to }] of [...this.outstanding]) {
      if (to === peer) this.settle(requestId, { kind: 'unknown' });
    }
  }

  onRequest(from: NodeId, message: Buffer): void {
    const request = decodeRequest(message);
    const { requestId, groupId } = request;
    if (request.kind === 'leader') {
      const { nodeId, term } = this.local.leadership(groupId);
      this.reply(from, { kind: 'leader', requestId, leaderNodeId: nodeId, term });
      return;
    }
    if (request.kind === 'standing') {
      const standing = this.local.standing(groupId, request.memberId, request.term);
      this.reply(from, { kind: 'standing', requestId, ...standing });
      return;
    }
    if (request.kind === 'acks') return this.answerAcks(from, request);
    this.executeFor(from, request);
  }

  onReply(message: Buffer): void {
    const reply = decodeReplyMessage(message);
    switch (reply.kind) {
      case 'leader':
        this.questions.get(reply.requestId)?.({ nodeId: reply.leaderNodeId, term: reply.term });
        this.questions.delete(reply.requestId);
        break;
      case 'standing':
        this.standings.get(reply.requestId)?.({ verdict: reply.verdict, term: reply.term });
        this.standings.delete(reply.requestId);
        break;
      case 'done':
        this.settle(reply.requestId, {
          kind: 'done',
          replies: reply.replies.map(decodeOne),
          ...(reply.at && { at: reply.at }),
        });
        break;
      case 'acks':
        this.acks.get(reply.requestId)?.({ kind: 'acks', count: reply.count, lost: reply.lost });
        break;
      case 'refused': {
        this.acks.get(reply.requestId)?.({ kind: 'refused' });
        const leader = { nodeId: reply.leaderNodeId, term: reply.term };
        this.settle(reply.requestId, { kind: 'refused', why: reply.why, leader });
        break;
      }
      case 'unknown':
        this.settle(reply.requestId, { kind: 'unknown' });
    }
  }

  private executeFor(from: NodeId, request: WireRequest & { kind: 'execute' }): void {
    const { requestId, groupId, session, group, expectedTerm } = request;
    const isRead = request.access === 'read';
    const deadlineMs = this.env.monotonicMs() + request.remainingMs;
    const done = (outcome: Outcome<Reply>): void => {
      if (this.reply(from, this.wireReply(requestId, groupId, outcome)) || outcome.kind !== 'done') return;
      // The lane has no room for it, but has for a word: a read did nothing, and what a write did can't be told.
      const instead: Outcome<Reply> = isRead ? { kind: 'refused', why: 'busy' } : { kind: 'unknown' };
      this.reply(from, this.wireReply(requestId, groupId, instead));
    };
    const replies = isRead ? this.local.readNow(groupId, session, group, expectedTerm) : undefined;
    if (replies !== undefined) return done({ kind: 'done', replies });
    this.local.execute(
      groupId,
      { session, kind: request.access, here: false, group, deadlineMs, done },
      expectedTerm,
    );
  }

  private answerAcks(from: NodeId, request: WireRequest & { kind: 'acks' }): void {
    const { requestId, groupId, index, term, needed, remainingMs } = request;
    const deadlineMs = this.env.monotonicMs() + remainingMs;
    const answer = (found: AckAnswer): void => {
      if (found.kind === 'acks') return void this.reply(from, { ...found, requestId });
      const { nodeId: leaderNodeId, term: leaderTerm } = this.local.leadership(groupId);
      this.reply(from, { kind: 'refused', requestId, why: 'notLeader', leaderNodeId, term: leaderTerm });
    };
    this.local.askAcks(groupId, { index, term, needed, deadlineMs, answer });
  }

  private wireReply(requestId: number, groupId: number, outcome: Outcome<Reply>): WireReply {
    if (outcome.kind === 'unknown') return { kind: 'unknown', requestId };
    if (outcome.kind === 'done') {
      const replies = outcome.replies.map((reply) => this.encodeOne(reply));
      return { kind: 'done', requestId, replies, ...(outcome.at && { at: outcome.at }) };
    }
    const { nodeId, term } = this.local.leadership(groupId);
    return { kind: 'refused', requestId, why: outcome.why, leaderNodeId: nodeId, term };
  }

  private reply(to: NodeId, reply: WireReply): boolean {
    return this.transport.send(to, 'reply', encodeReplyMessage(reply));
  }

  private encodeOne(reply: Reply): Buffer {
    encodeReply(reply, 'peer', this.writer);
    return this.writer.take();
  }

  private settle(requestId: number, outcome: ForwardOutcome): void {
    const entry = this.outstanding.get(requestId);
    if (entry === undefined) return;
    this.outstanding.delete(requestId);
    entry.done(outcome);
  }

  private sweepLater(): void {
    this.sweeper ??= this.env.after(SWEEP_MS, () => {
      this.sweeper = undefined;
      const nowMs = this.env.monotonicMs();
      for (const [requestId, { deadlineMs }] of [...this.outstanding]) {
        if (deadlineMs <= nowMs) this.settle(requestId, { kind: 'unknown' });
      }
      if (this.outstanding.size > 0) this.sweepLater();
    });
  }
}

function decodeOne(bytes: Buffer): Reply {
  const decoder = new ReplyDecoder();
  decoder.feed(bytes);
  const reply = decoder.next();
  if (reply === undefined) throw new FormatError('a reply that ends too early');
  return reply;
}
