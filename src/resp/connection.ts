/**
 * One client's byte stream: requests out of it, replies into it, in order and within bounds.
 *
 * Knows no socket: it is driven through `received`, `drained`, `ended` and `closed`, and drives a ByteStream, so
 * that a simulated world can stand where the network stands.
 *
 * Invariants:
 * - Replies leave in the order of the requests, whatever the order of the answers. Each request is answered once.
 * - A request whose predecessor is on hold has not been parsed yet.
 * - Requests in flight <= `requestsInFlightMax`, and beyond one no more than are expected to bring `replyBytesExpectedMax`: replies come
 *   from other nodes, over streams that all clients share. No request is taken up while more than `replyBytesSoft` waits to be sent,
 *   and a connection on which more than `replyBytesMax` waits is cut, as Redis' client-output-buffer-limit does.
 * - In one turn at most `requestsPerTurnMax` requests are taken up, so that a long pipeline starves nobody, and with those of the
 *   other connections no more than the turn allows (turns.ts); what they answered leaves in as few writes as `replyBatchBytes` allows.
 * - After `closed` or a kill nothing is written, and answers still to come are dropped.
 */
import type { ByteStream } from './byte-stream.js';
import type { Protocol } from './encoder.js';
import type { ConnectionLimits, ParserLimits } from './limits.js';
import { ProtocolError, RequestParser } from './parser.js';
import { error, type Reply } from './reply.js';
import { type Place, ReplyQueue } from './reply-queue.js';
import type { Turns } from './turns.js';
import { ReplyWriter } from './writer.js';

export { type ConnectionLimits, DEFAULT_CONNECTION_LIMITS } from './limits.js';

export interface RequestHandler {
  /**
   * `answer` is called exactly once, now or later; undefined means that no reply is sent. `hold`: no further request
   * of this connection is parsed before this answer (AUTH, HELLO: they change how the next one is read).
   */
  execute(argv: Buffer[], answer: (reply: Reply | undefined) => void): 'go' | 'hold';
  /** The client is gone, or is as good as gone. Called once. */
  closed(): void;
}

export interface ConnectionOptions {
  readonly id: number;
  /** `host:port` of the client and of our side, for CLIENT LIST. */
  readonly remoteAddress: string;
  readonly localAddress: string;
  readonly limits: ConnectionLimits;
  /** Shared by all connections of a server. */
  readonly turns: Turns;
  /** May be shared by all connections of a process. */
  readonly writer?: ReplyWriter;
}

/** `open`: reads and answers. `closing`: reads no more, answers what it took up. `closed`: neither. */
type State = 'open' | 'closing' | 'closed';

/** Fed to the parser while a turn is due: more than this, and reading pauses until that turn. */
const READ_AHEAD_BYTES = 131_072;

export class Connection {
  readonly id: number;
  readonly remoteAddress: string;
  readonly localAddress: string;
  /** Counters for CLIENT LIST and metrics. */
  bytesReceived = 0;
  bytesSent = 0;
  requests = 0;

  private readonly stream: ByteStream;
  private readonly handler: RequestHandler;
  private readonly limits: ConnectionLimits;
  private readonly turns: Turns;
  private readonly writer: ReplyWriter;
  private readonly parser: RequestParser;
  private readonly turn = (): void => this.runTurn();
  private readonly send = (): void => this.sendAnswers();

  private state: State = 'open';
  private speaks: Protocol = 2;
  private readonly replies: ReplyQueue;
  /** The request that is being handed to the handler, and the one that holds up the parsing. */
  private starting: Place | undefined;
  private held: Place | undefined;
  private turnDue = false;
  private sendDue = false;
  private inTurn = false;
  /** The last turn stopped before the input did. */
  private stalled = false;
  private paused = false;
  private inputEnded = false;

  /** `open` makes the handler; it may keep the connection, but must not close it yet. */
  constructor(
    stream: ByteStream,
    options: ConnectionOptions,
    open: (connection: Connection) => RequestHandler,
  ) {
    this.id = options.id;
    this.remoteAddress = options.remoteAddress;
    this.localAddress = options.localAddress;
    this.stream = stream;
    this.limits = options.limits;
    this.turns = options.turns;
    this.replies = new ReplyQueue(options.limits.replyBytesFirst);
    this.writer = options.writer ?? new ReplyWriter();
    this.parser = new RequestParser(options.limits.parser);
    this.handler = open(this);
  }

  // --- for the handler -------------------------------------------------------------------------------------

  get protocol(): Protocol {
    return this.speaks;
  }

  /** Governs the reply to the request that asks for it (HELLO) and all later ones, never an earlier one. */
  set protocol(protocol: Protocol) {
    this.speaks = protocol;
    const asking = this.starting ?? this.held;
    if (asking !== undefined) asking.protocol = protocol;
  }

  /** Whether the parser's limits for strangers apply. */
  get authenticated(): boolean {
    return this.parser.authenticated;
  }

  set authenticated(authenticated: boolean) {
    this.parser.authenticated = authenticated;
  }

  set parserLimits(limits: ParserLimits) {
    this.parser.limits = limits;
  }

  /** Takes up no further request, answers those taken up, then closes (QUIT, shutdown). */
  closeAfterReplies(): void {
    if (this.state !== 'open') return;
    this.state = 'closing';
    this.schedule();
  }

  /** Closes now; what was not sent is lost (CLIENT KILL, broken bounds). */
  kill(): void {
    this.stream.destroy();
    if (this.state !== 'closed') this.shut();
  }

  /** Requests taken up whose replies have not been handed to the stream. */
  get requestsInFlight(): number {
    return this.replies.length;
  }

  /** Received and not yet parsed. */
  get bufferedBytes(): number {
    return this.parser.bufferedBytes;
  }

  /** Reply bytes that the client has not taken. */
  get unsentBytes(): number {
    return this.replies.waitingBytes + this.stream.unsentBytes;
  }

  get isOpen(): boolean {
    return this.state === 'open';
  }

  // --- for the stream --------------------------------------------------------------------------------------

  received(chunk: Buffer): void {
    this.bytesReceived += chunk.length;
    if (this.state !== 'open') return;
    this.parser.feed(chunk);
    if (!this.turnDue && this.mayTakeUp()) this.runTurn();
    else if (!this.turnDue || this.parser.bufferedBytes > READ_AHEAD_BYTES) this.pauseReading();
  }

  /** The stream has sent all that was written. */
  drained(): void {
    if (this.stalled || this.replies.ready) this.schedule();
  }

  /** The client will send no more, but may still read: it gets its answers. */
  ended(): void {
    this.inputEnded = true;
    this.schedule();
  }

  /** The stream is gone. */
  closed(): void {
    if (this.state !== 'closed') this.shut();
  }

  // --- inside ----------------------------------------------------------------------------------------------

  private schedule(isFirst = false): void {
    if (this.turnDue || this.inTurn || this.state === 'closed') return;
    this.turnDue = true;
    if (isFirst) this.turns.deferFirst(this.turn);
    else this.turns.defer(this.turn);
  }

  /** Sends what is ready, takes up what may be taken up, sends what that made ready. */
  private runTurn(): void {
    this.turnDue = false;
    this.inTurn = true;
    const before = this.requests;
    this.flush();
    this.stalled = !this.takeUpRequests();
    this.flush();
    this.inTurn = false;
    // Else the answer, or the client's reading, that we wait for calls for the next turn. Nothing taken up: others had left nothing of this one.
    if (this.stalled && this.mayTakeUp()) this.schedule(this.requests === before);
  }

  /** False when it stopped for another reason than that the input has no complete request left. */
  private takeUpRequests(): boolean {
    for (let count = 0; count < this.limits.requestsPerTurnMax && this.mayTakeUp(); count++) {
      if (this.turns.isSpent) return false;
      const argv = this.parse();
      if (argv === undefined) {
        this.inputExhausted();
        return true;
      }
      this.takeUp(argv);
    }
    return false;
  }

  private mayTakeUp(): boolean {
    return (
      this.state === 'open' &&
      this.held === undefined &&
      this.replies.length < this.limits.requestsInFlightMax &&
      this.replies.expectedBytes <= this.limits.replyBytesExpectedMax &&
      this.unsentBytes <= this.limits.replyBytesSoft
    );
  }

  private parse(): Buffer[] | undefined {
    try {
      return this.parser.next();
    } catch (failure) {
      if (!(failure instanceof ProtocolError)) throw failure;
      if (failure.quiet) this.kill();
      else this.refuse(failure.message);
      return undefined;
    }
  }

  /** The error takes its place behind the replies to what came before it. */
  private refuse(message: string): void {
    const place = this.replies.take(this.speaks);
    this.answer(place, error(`ERR ${message}`));
    this.closeAfterReplies();
  }

  private inputExhausted(): void {
    if (this.inputEnded) this.closeAfterReplies();
    if (!this.paused || this.state !== 'open') return;
    this.paused = false;
    this.stream.resume();
  }

  private pauseReading(): void {
    if (this.paused) return;
    this.paused = true;
    this.stream.pause();
  }

  private takeUp(argv: Buffer[]): void {
    this.requests += 1;
    this.turns.spend();
    const place = this.replies.take(this.speaks);
    this.starting = place;
    const verdict = this.handler.execute(argv, (reply) => this.answer(place, reply));
    this.starting = undefined;
    if (verdict === 'hold' && !place.answered) this.held = place;
  }

  private answer(place: Place, reply: Reply | undefined): void {
    if (this.state === 'closed') return;
    this.replies.fill(place, reply);
    const holds = place === this.held;
    if (holds) this.held = undefined;
    if (this.unsentBytes > this.limits.replyBytesMax) this.kill();
    else if (holds) this.schedule();
    else if (this.replies.isFront(place)) this.goOn();
  }

  /** Where no request can have been waiting for this answer there is only the answer to be sent. */
  private goOn(): void {
    const mayTakeUpMore = this.stalled || this.paused || this.inputEnded || this.state !== 'open';
    if (mayTakeUpMore) return this.schedule();
    if (this.sendDue || this.turnDue || this.inTurn) return;
    this.sendDue = true;
    this.turns.flush(this.send);
  }

  private sendAnswers(): void {
    this.sendDue = false;
    if (this.state !== 'closed') this.flush();
  }

  /** Writes the replies whose turn has come, as long as the client reads. */
  private flush(): void {
    while (this.replies.ready && this.stream.unsentBytes <= this.limits.replyBytesSoft) {
      this.replies.encodeFront(this.writer);
      if (this.writer.length >= this.limits.replyBatchBytes) this.writeBatch();
    }
    if (this.writer.length > 0) this.writeBatch();
    if (this.state === 'closing' && this.replies.length === 0) this.finish();
  }

  private writeBatch(): void {
    const batch = this.writer.take();
    this.bytesSent += batch.length;
    this.stream.write(batch);
  }

  private finish(): void {
    this.stream.end();
    this.shut();
  }

  private shut(): void {
    this.state = 'closed';
    this.replies.clear();
    this.held = undefined;
    this.parser.clear();
    this.handler.closed();
  }
}
