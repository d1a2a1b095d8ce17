/**
 * A node's router, forwarder and knowledge of leaders, all real, among peers that answer when the test says so: each request
 * that left is in `sent`, each that reached the own replicas in `local`.
 */
import { Forwarder, type Leadership, type Standing } from '../../src/node/forwarder.js';
import { Leaders } from '../../src/node/leaders.js';
import { type RouteOutcome, Router, type RouterSession } from '../../src/node/router.js';
import { decodeRequest, encodeReplyMessage, type WireRequest } from '../../src/node/wire.js';
import { encodeReply } from '../../src/resp/encoder.js';
import { bulk, type Reply } from '../../src/resp/reply.js';
import { ReplyWriter } from '../../src/resp/writer.js';
import type { AckQuestion } from '../../src/slot/acks.js';
import type { RefusalReason, SlotRequest } from '../../src/slot/requests.js';
import { VirtualClock } from '../pm/virtual-env.js';

export const SELF = 1;
export const GROUP = 7;

export interface Sent {
  readonly peer: number;
  readonly request: WireRequest & { kind: 'execute' };
  readonly words: string;
}

export interface LocalCall {
  readonly groupId: number;
  readonly request: SlotRequest<Reply>;
  readonly expectedTerm: number;
  readonly words: string;
}

export class Fleet {
  readonly clock = new VirtualClock();
  readonly env = this.clock.env(1).env;
  readonly sent: Sent[] = [];
  readonly local: LocalCall[] = [];
  /** Nodes asked who leads, one entry a question; and what they say. */
  readonly questions: number[] = [];
  readonly opinions = new Map<number, Leadership>();
  readonly unreachable = new Set<number>();
  readonly answers: string[] = [];
  members: readonly number[] = [2, 3];
  /** What the own replica says of itself. */
  ownView: Leadership = { nodeId: 0, term: 0 };
  /** What the own replica says of any member. */
  ownStanding: Standing = { verdict: 'unknown', term: 0 };
  /** What the own replicas say to WAIT. */
  onAcks: (question: AckQuestion) => void = (question) => question.answer({ kind: 'refused' });
  /** Serves what reaches the own replicas. */
  /** The own replicas can answer no read at once, unless the test says so. */
  onReadNow: (session: string) => readonly Reply[] | undefined = () => undefined;
  onLocal: ((call: LocalCall) => void) | undefined;
  readonly forwarder: Forwarder;
  readonly leaders: Leaders;
  readonly router: Router;
  readonly session: RouterSession;

  constructor(settings = { requestTimeoutMs: 5000, noLeaderTimeoutMs: 2000 }) {
    const slots = {
      readNow: (_groupId: number, session: string) => this.onReadNow(session),
      execute: (groupId: number, request: SlotRequest<Reply>, expectedTerm: number): void => {
        const call = { groupId, request, expectedTerm, words: text(request.group.commands[0]!) };
        this.local.push(call);
        this.onLocal?.(call);
      },
      leadership: () => this.ownView,
      standing: () => this.ownStanding,
      askAcks: (_groupId: number, question: AckQuestion) => this.onAcks(question),
    };
    this.forwarder = new Forwarder(
      this.env,
      { send: (to, lane, bytes) => this.take(to, lane, bytes) },
      slots,
    );
    this.leaders = new Leaders(this.env, {
      membersOf: () => this.members,
      ask: (nodeId, groupId, answer) =>
        nodeId === SELF ? answer(this.ownView) : this.forwarder.ask(nodeId, groupId, answer),
    });
    this.router = new Router(this.env, () => SELF, slots, this.forwarder, this.leaders, settings);
    this.session = this.router.session('session');
  }

  leads(nodeId: number, term: number, groupId = GROUP): void {
    this.leaders.learn(groupId, { nodeId, term });
  }

  /** A read for the own replica. */
  askHere(words: string): void {
    this.ask('read', words, GROUP, this.session, true);
  }

  ask(kind: 'read' | 'write', words: string, groupId = GROUP, session = this.session, here = false): void {
    const commands = [words.split(' ').map((word) => Buffer.from(word))];
    const done = (outcome: RouteOutcome): void => void this.answers.push(`${words} -> ${described(outcome)}`);
    session.execute(groupId, { kind, here, group: { kind: 'lone', commands }, done });
  }

  get sentWords(): string[] {
    return this.sent.map(({ peer, words }) => `${peer}: ${words}`);
  }

  done(one: Sent, text = 'ok'): void {
    const writer = new ReplyWriter();
    encodeReply(bulk(text), 'peer', writer);
    const { requestId } = one.request;
    this.forwarder.onReply(encodeReplyMessage({ kind: 'done', requestId, replies: [writer.take()] }));
  }

  refused(one: Sent, why: RefusalReason, leader: Leadership = { nodeId: 0, term: 0 }): void {
    const { requestId } = one.request;
    this.forwarder.onReply(
      encodeReplyMessage({ kind: 'refused', requestId, why, leaderNodeId: leader.nodeId, term: leader.term }),
    );
  }

  down(peer: number): void {
    this.leaders.forgetNode(peer);
    this.forwarder.peerDown(peer);
  }

  private take(to: number, lane: string, bytes: Buffer): boolean {
    if (lane !== 'request' || this.unreachable.has(to)) return false;
    const request = decodeRequest(bytes);
    if (request.kind === 'execute') {
      this.sent.push({ peer: to, request, words: text(request.group.commands[0]!) });
      return true;
    }
    this.questions.push(to);
    const { requestId } = request;
    const opinion = this.opinions.get(to);
    if (opinion !== undefined) {
      const answer = encodeReplyMessage({
        kind: 'leader',
        requestId,
        leaderNodeId: opinion.nodeId,
        term: opinion.term,
      });
      this.env.after(1, () => this.forwarder.onReply(answer));
    }
    return true;
  }
}

function text(args: readonly Buffer[]): string {
  return args.map(String).join(' ');
}

export function described(outcome: RouteOutcome): string {
  if (outcome.kind !== 'done') return outcome.kind === 'refused' ? outcome.why : 'unknown';
  const [reply] = outcome.replies;
  return reply?.kind === 'bulk' ? reply.bytes.toString() : JSON.stringify(reply);
}
