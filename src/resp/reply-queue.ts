/**
 * The order of replies: a place for each request, filled whenever its answer comes, emptied from the front.
 *
 * Invariants: places leave in the order in which they were taken; each is filled once; `waitingBytes` is the sum
 * of the estimated sizes of the replies that are filled in and have not left; `answered` places are filled in.
 */
import { invariant } from '../assert.js';
import { encodeReply, type Protocol, replyBytes } from './encoder.js';
import type { Reply } from './reply.js';
import type { ReplyWriter } from './writer.js';

export interface Place {
  /** What the client spoke when it asked. */
  protocol: Protocol;
  answered: boolean;
  reply: Reply | undefined;
  bytes: number;
}

/** Of what was expected beyond a reply that was smaller. */
const EXPECTATION_KEPT = 7 / 8;
/** Places that have left are cut off when there are this many. */
const TRIM_LENGTH = 512;

export class ReplyQueue {
  private places: Place[] = [];
  /** Places before it have left. */
  private front = 0;
  private waiting = 0;
  private answered = 0;

  /**
   * `expectedReplyBytes`: what a reply may be, as far as is known. As large as a late one was, an eighth of the difference less with
   * each that is smaller.
   */
  constructor(private expectedReplyBytes: number) {}

  get length(): number {
    return this.places.length - this.front;
  }

  get waitingBytes(): number {
    return this.waiting;
  }

  /** Of the replies to come, all together. */
  get expectedBytes(): number {
    return (this.length - this.answered) * this.expectedReplyBytes;
  }

  /** May the front leave? */
  get ready(): boolean {
    return this.places[this.front]?.answered === true;
  }

  isFront(place: Place): boolean {
    return this.places[this.front] === place;
  }

  take(protocol: Protocol): Place {
    const place: Place = { protocol, answered: false, reply: undefined, bytes: 0 };
    this.places.push(place);
    return place;
  }

  /** undefined: nothing is sent in this place. */
  fill(place: Place, reply: Reply | undefined): void {
    invariant(!place.answered, 'a request was answered twice');
    place.answered = true;
    this.answered += 1;
    place.reply = reply;
    if (reply !== undefined) place.bytes = replyBytes(reply);
    this.waiting += place.bytes;
    const less = this.expectedReplyBytes - place.bytes;
    this.expectedReplyBytes = place.bytes + (less > 0 ? less * EXPECTATION_KEPT : 0);
  }

  /** The front, which is ready, leaves into the writer. */
  encodeFront(out: ReplyWriter): void {
    const place = this.places[this.front]!;
    this.front += 1;
    this.answered -= 1;
    this.waiting -= place.bytes;
    if (place.reply !== undefined) encodeReply(place.reply, place.protocol, out);
    // The array keeps the place for a while; it must not keep the payload.
    place.reply = undefined;
    this.trim();
  }

  clear(): void {
    this.places = [];
    this.front = 0;
    this.waiting = 0;
    this.answered = 0;
  }

  private trim(): void {
    if (this.front === this.places.length) {
      this.places.length = 0;
      this.front = 0;
    } else if (this.front === TRIM_LENGTH) {
      this.places = this.places.slice(TRIM_LENGTH);
      this.front = 0;
    }
  }
}
