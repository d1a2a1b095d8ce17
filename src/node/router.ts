/**
 * Takes a session's commands to the leaders of their slots, keeping the session's order on each slot.
 *
 * A lane is one session's way to one group. Commands may be under way to one (leader, term) together, because the stream to
 * it keeps their order; nothing goes to another while the fate of one is open. A definite "not the leader" is
 * tried again, in the order sent, until the deadline; an unknown outcome is told and never tried again, except that a
 * read, which changes nothing, may be. What would run out of order is not tried again: a write that a later command of the lane has
 * passed, a read that a later write has; reads may pass each other, as they may in a slot.
 * What is a read for a slot that this node leads, and follows nothing of its session there, is answered at once where it can be.
 * A read that asks for it is first offered to this node's own replica, whoever leads; refused there, it takes the common road.
 */
import type { Env, Timer } from '../env.js';
import type { Reply } from '../resp/reply.js';
import type { LogPlace } from '../slot/applier.js';
import type { CommandGroup } from '../slot/entry.js';
import { HASH_SLOTS } from '../slot/hash.js';
import type { Outcome, RefusalReason, SlotRequest } from '../slot/requests.js';
import type { Forwarder, ForwardOutcome, Leadership, LocalSlots } from './forwarder.js';
import type { Leaders } from './leaders.js';

/** How a request ended for the client. `refused`: definitely not done. */
export type RouteOutcome =
  /** `at`: of a write, where it stands in its group's log. */
  | { readonly kind: 'done'; readonly replies: readonly Reply[]; readonly at?: LogPlace }
  | { readonly kind: 'refused'; readonly why: RefusalReason | 'noLeader' }
  | { readonly kind: 'unknown' };

export interface RouteRequest {
  readonly kind: 'read' | 'write';
  /** A read for this node's own replica, if it has one. */
  readonly here: boolean;
  readonly group: CommandGroup;
  done(outcome: RouteOutcome): void;
}

export interface RouterSettings {
  /** From a request's arrival to its answer, whatever happens. */
  readonly requestTimeoutMs: number;
  /** Without a leader for so long a request is refused: CLUSTERDOWN. */
  readonly noLeaderTimeoutMs: number;
}

/** A request on its way: also the very one that a slot of this node takes. Sent again, it is the same; its fate is open once at a time. */
class Routed implements SlotRequest<Reply> {
  /** Where it was sent last. */
  leader = NO_LEADER;

  constructor(
    private readonly lane: Lane,
    readonly session: string,
    readonly kind: 'read' | 'write',
    public here: boolean,
    readonly group: CommandGroup,
    readonly sequence: number,
    readonly deadlineMs: number,
    public noLeaderAtMs: number,
    readonly answer: (outcome: RouteOutcome) => void,
  ) {}

  /** By a slot of this node. */
  done(outcome: Outcome<Reply>): void {
    this.lane.endedHere(this, outcome);
  }
}

export class Router {
  constructor(
    readonly env: Env,
    readonly nodeId: () => number,
    readonly local: LocalSlots,
    readonly forwarder: Forwarder,
    readonly leaders: Leaders,
    readonly settings: RouterSettings,
  ) {}

  /** `name` must be unique in the cluster and through restarts. */
  session(name: string): RouterSession {
    return new RouterSession(this, name);
  }
}

export class RouterSession {
  /** Where the newest write of each group stands, for WAIT; of so many groups as the largest table has. */
  readonly writes = new Map<number, LogPlace>();
  private readonly lanes = new Map<number, Lane>();
  private sequence = 0;
  private unanswered = 0;
  private whenAnswered: (() => void)[] = [];

  constructor(
    private readonly router: Router,
    readonly name: string,
  ) {}

  execute(groupId: number, request: RouteRequest): void {
    let lane = this.lanes.get(groupId);
    if (request.kind === 'read' && (lane === undefined || lane.idle)) {
      const replies = this.router.local.readNow(groupId, this.name, request.group, 0);
      if (replies !== undefined) return request.done({ kind: 'done', replies });
    }
    this.unanswered++;
    if (lane === undefined) {
      if (this.lanes.size >= LANES_MAX) this.dropIdleLanes();
      lane = new Lane(this.router, this, groupId);
      this.lanes.set(groupId, lane);
    }
    const nowMs = this.router.env.monotonicMs();
    const { requestTimeoutMs, noLeaderTimeoutMs } = this.router.settings;
    const { kind, here, group, done } = request;
    const deadlineMs = nowMs + requestTimeoutMs;
    const noLeaderAtMs = nowMs + Math.min(noLeaderTimeoutMs, requestTimeoutMs);
    lane.submit(
      new Routed(lane, this.name, kind, here, group, ++this.sequence, deadlineMs, noLeaderAtMs, done),
    );
  }

  /** The end of a request's road. */
  settle(groupId: number, request: Routed, outcome: RouteOutcome): void {
    if (outcome.kind === 'done' && outcome.at !== undefined) this.wrote(groupId, outcome.at);
    request.answer(outcome);
    if (--this.unanswered === 0 && this.whenAnswered.length > 0) this.allAnswered();
  }

  /** Resolves when all that was asked so far is answered. */
  async answered(): Promise<void> {
    if (this.unanswered > 0) await new Promise<void>((resolve) => this.whenAnswered.push(resolve));
  }

  private wrote(groupId: number, at: LogPlace): void {
    this.writes.set(groupId, at);
    if (this.writes.size <= HASH_SLOTS) return;
    for (const oldest of this.writes.keys()) {
      this.writes.delete(oldest);
      return;
    }
  }

  private allAnswered(): void {
    for (const resolve of this.whenAnswered.splice(0)) resolve();
  }

  private dropIdleLanes(): void {
    for (const [groupId, lane] of this.lanes) if (lane.idle) this.lanes.delete(groupId);
  }
}

/** Lanes that a session keeps although nothing is under way on them. */
const LANES_MAX = 256;

class Lane {
  private queue: Routed[] = [];
  private target: Leadership | undefined;
  private underWay = 0;
  /** Refused, to be sent again before anything newer. */
  private again: Routed[] = [];
  /** The newest request of each kind that ran, or may have. */
  private readonly ranUpTo = { read: 0, write: 0 };
  private waiting = false;
  private timer: Timer | undefined;

  constructor(
    private readonly router: Router,
    private readonly session: RouterSession,
    private readonly groupId: number,
  ) {}

  get idle(): boolean {
    return this.queue.length === 0 && this.underWay === 0 && this.again.length === 0;
  }

  submit(request: Routed): void {
    this.queue.push(request);
    this.drain();
  }

  private drain(): void {
    while (this.queue.length > 0) {
      // What was refused goes first, and only when the fate of all that was sent beside it is known.
      if (this.again.length > 0) return;
      const leader = this.targetOf(this.queue[0]!);
      if (leader === undefined) return this.wait();
      if (this.underWay > 0 && !same(leader, this.target)) return;
      this.target = leader;
      this.send(this.queue.shift()!, leader);
    }
  }

  /** Term 0 stands for "whoever leads". */
  private targetOf(request: Routed): Leadership | undefined {
    const { leaders, local, nodeId } = this.router;
    const leader = leaders.of(this.groupId);
    const elsewhere = request.here && leader?.nodeId !== nodeId();
    return elsewhere && local.leadership(this.groupId).nodeId !== 0 ? { nodeId: nodeId(), term: 0 } : leader;
  }

  private send(request: Routed, leader: Leadership): void {
    this.underWay++;
    request.leader = leader;
    const { groupId, router } = this;
    const { nodeId, term } = leader;
    if (nodeId === router.nodeId()) router.local.execute(groupId, request, term);
    else router.forwarder.send(nodeId, groupId, term, request, (outcome) => this.ended(request, outcome));
  }

  /** By a slot of this node, which knows who leads instead. */
  endedHere(request: Routed, outcome: Outcome<Reply>): void {
    if (outcome.kind !== 'refused') return this.ended(request, outcome);
    this.ended(request, { ...outcome, leader: this.router.local.leadership(this.groupId) });
  }

  private ended(request: Routed, outcome: ForwardOutcome): void {
    this.underWay--;
    const { leader } = request;
    if (request.here) this.leaveReplica(request);
    const { kind, sequence } = request;
    const retry = this.mayRetry(request, leader, outcome);
    if (retry) this.again.push(request);
    else if (outcome.kind !== 'refused') this.ranUpTo[kind] = Math.max(this.ranUpTo[kind], sequence);
    const passed = this.underWay === 0 && this.again.length > 0 ? this.takeAgain() : [];
    if (!retry) this.session.settle(this.groupId, request, settled(outcome));
    for (const each of passed) this.refuse(each);
    this.drain();
  }

  /** The common road begins here: what its own replica took of its time says nothing about a leader. */
  private leaveReplica(request: Routed): void {
    request.here = false;
    const { env, settings } = this.router;
    request.noLeaderAtMs = Math.min(request.deadlineMs, env.monotonicMs() + settings.noLeaderTimeoutMs);
  }

  /** What is to be sent again takes its place; what would run out of order, and so must not run any more, is returned. */
  private takeAgain(): readonly Routed[] {
    const again = this.again.sort((a, b) => a.sequence - b.sequence);
    this.again = [];
    this.queue = [...again.filter((request) => !this.isPassed(request)), ...this.queue];
    return again.filter((request) => this.isPassed(request));
  }

  private isPassed({ kind, sequence }: Routed): boolean {
    const { read, write } = this.ranUpTo;
    return sequence < (kind === 'read' ? write : Math.max(read, write));
  }

  private mayRetry(request: Routed, leader: Leadership, outcome: ForwardOutcome): boolean {
    if (outcome.kind === 'done') return false;
    const { leaders } = this.router;
    if (outcome.kind === 'unknown') {
      leaders.doubt(this.groupId, leader);
      return request.kind === 'read' && request.deadlineMs > this.router.env.monotonicMs();
    }
    if (outcome.why !== 'notLeader') return false;
    leaders.doubt(this.groupId, leader);
    if (outcome.leader !== undefined && !same(outcome.leader, leader))
      leaders.learn(this.groupId, outcome.leader);
    return request.noLeaderAtMs > this.router.env.monotonicMs();
  }

  /** No leader is known: waits for one, and refuses what has waited too long. */
  private wait(): void {
    if (this.waiting) return;
    this.waiting = true;
    const woken = (): void => {
      this.waiting = false;
      this.timer?.cancel();
      this.drain();
    };
    this.router.leaders.whenKnown(this.groupId, woken);
    this.timer = this.router.env.after(
      Math.max(0, this.oldestLimitMs() - this.router.env.monotonicMs()),
      () => {
        this.router.leaders.stopWaiting(this.groupId, woken);
        this.waiting = false;
        this.refuseLate();
        this.drain();
      },
    );
  }

  private oldestLimitMs(): number {
    return Math.min(...this.queue.map((request) => request.noLeaderAtMs));
  }

  private refuseLate(): void {
    const nowMs = this.router.env.monotonicMs();
    const late = this.queue.filter((request) => request.noLeaderAtMs <= nowMs);
    this.queue = this.queue.filter((request) => request.noLeaderAtMs > nowMs);
    for (const request of late) this.refuse(request);
  }

  private refuse(request: Routed): void {
    this.session.settle(this.groupId, request, { kind: 'refused', why: 'noLeader' });
  }
}

const NO_LEADER: Leadership = { nodeId: 0, term: 0 };

/** Whoever was asked did not lead, to the end: as if there were no leader. */
function settled(outcome: ForwardOutcome): RouteOutcome {
  if (outcome.kind !== 'refused') return outcome;
  return { kind: 'refused', why: outcome.why === 'notLeader' ? 'noLeader' : outcome.why };
}

function same(a: Leadership, b: Leadership | undefined): boolean {
  return a.nodeId === b?.nodeId && a.term === b.term;
}
