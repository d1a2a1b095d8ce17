/**
 * Bytes back into replies: what carries a reply between nodes, and what a client's side of the protocol needs.
 *
 * Reads RESP2, RESP3 and the `peer` dialect of the encoder. Blob errors become errors, attributes are read and
 * dropped; big numbers and streamed aggregates, which Redis does not send unasked, are refused.
 *
 * Invariants: the result does not depend on how the bytes were cut; everything announced is checked against a
 * limit, and memory grows only with what has come; only FormatError is thrown, once, and then the decoder is dead.
 */
import { FormatError } from '../bytes.js';
import { Intake } from './intake.js';
import { parseDouble, parseInteger } from './number.js';
import type { Reply } from './reply.js';

export interface DecoderLimits {
  readonly lineBytesMax: number;
  readonly bulkBytesMax: number;
  /** Elements of one aggregate (a map's entry counts as two). */
  readonly itemsMax: number;
  readonly nestingMax: number;
  /** One top-level reply, each element charged `ELEMENT_OVERHEAD_BYTES` besides its payload. */
  readonly replyBytesMax: number;
}

export const DEFAULT_DECODER_LIMITS: DecoderLimits = {
  lineBytesMax: 1_048_576,
  bulkBytesMax: 536_870_912,
  itemsMax: 16_777_216,
  nestingMax: 128,
  replyBytesMax: 1_073_741_824,
};

const ELEMENT_OVERHEAD_BYTES = 16;
const LF = 10;
const CR = 13;
/** Of a verbatim string: three of format and the colon. */
const VERBATIM_HEAD_BYTES = 4;

type Aggregate = 'array' | 'map' | 'set' | 'push' | 'attribute';
type Run = 'bulk' | 'verbatim' | 'error';

/** An aggregate that still lacks `left` elements. */
interface Frame {
  readonly kind: Aggregate;
  readonly items: Reply[];
  left: number;
}

const AGGREGATES: ReadonlyMap<string, Aggregate> = new Map([
  ['*', 'array'],
  ['%', 'map'],
  ['~', 'set'],
  ['>', 'push'],
  ['|', 'attribute'],
]);

const RUNS: ReadonlyMap<string, Run> = new Map([
  ['$', 'bulk'],
  ['=', 'verbatim'],
  ['!', 'error'],
]);

export class ReplyDecoder {
  private readonly limits: DecoderLimits;
  private readonly intake = new Intake();
  private readonly frames: Frame[] = [];
  /** A run whose bytes have not all come. */
  private run: { readonly kind: Run; readonly length: number } | undefined;
  private replyBytes = 0;
  private dead = false;

  constructor(limits: DecoderLimits = DEFAULT_DECODER_LIMITS) {
    this.limits = limits;
  }

  /** The chunk must not be written to afterwards: replies are views of it. */
  feed(chunk: Buffer): void {
    if (!this.dead) this.intake.feed(chunk);
  }

  /** Is a reply begun and not finished? */
  get partial(): boolean {
    return this.frames.length > 0 || this.run !== undefined || this.intake.bufferedBytes > 0;
  }

  /** The next complete reply; undefined when more bytes are needed. */
  next(): Reply | undefined {
    while (!this.dead) {
      const element = this.run === undefined ? this.takeHead() : this.takeRun(this.run);
      if (element === 'more') return undefined;
      const reply = element === 'begun' ? undefined : this.settle(element);
      if (reply === undefined) continue;
      this.replyBytes = 0;
      return reply;
    }
    return undefined;
  }

  private takeHead(): Reply | 'more' | 'begun' {
    const line = this.intake.takeLine(LF, this.limits.lineBytesMax);
    if (line === 'more') return 'more';
    if (line === 'long') this.fail(`line beyond ${this.limits.lineBytesMax} bytes`);
    const end = line.length - 1;
    if (end < 1 || line[end] !== CR) this.fail('line without a type or without CR');
    this.charge(end);
    const marker = String.fromCharCode(line[0]!);
    const aggregate = AGGREGATES.get(marker);
    if (aggregate !== undefined) return this.beginAggregate(aggregate, this.length(line, end));
    const run = RUNS.get(marker);
    if (run !== undefined) return this.beginRun(run, this.length(line, end));
    return this.scalar(marker, line, end);
  }

  private scalar(marker: string, line: Buffer, end: number): Reply {
    switch (marker) {
      case '+':
        return { kind: 'simple', text: line.toString('utf8', 1, end) };
      case '-':
        return { kind: 'error', text: line.toString('utf8', 1, end) };
      case ':':
        return { kind: 'integer', value: parseInteger(line, 1, end) ?? this.fail('not a 64-bit integer') };
      case ',':
        return {
          kind: 'double',
          value: parseDouble(line.toString('latin1', 1, end)) ?? this.fail('not a double'),
        };
      case '#':
        return { kind: 'boolean', value: this.truth(line.toString('latin1', 1, end)) };
      case '_':
        if (end !== 1) this.fail('null with a value');
        return { kind: 'null' };
      default:
        return this.fail(`unknown type ${JSON.stringify(marker)}`);
    }
  }

  private truth(text: string): boolean {
    if (text !== 't' && text !== 'f') this.fail('neither true nor false');
    return text === 't';
  }

  /** -1 is RESP2's null, which only `*` and `$` may say. */
  private length(line: Buffer, end: number): number {
    const length = parseInteger(line, 1, end);
    if (typeof length !== 'number' || length < -1) this.fail('not a length');
    return length;
  }

  private beginAggregate(kind: Aggregate, count: number): Reply | 'begun' {
    if (count === -1) {
      if (kind !== 'array') this.fail(`${kind} without a length`);
      return { kind: 'null', array: true };
    }
    const left = kind === 'map' || kind === 'attribute' ? count * 2 : count;
    if (left > this.limits.itemsMax) this.fail(`${left} elements, ${this.limits.itemsMax} allowed`);
    if (this.frames.length >= this.limits.nestingMax) this.fail(`nested beyond ${this.limits.nestingMax}`);
    const frame: Frame = { kind, items: [], left };
    if (left === 0) return kind === 'attribute' ? 'begun' : finishFrame(frame);
    this.frames.push(frame);
    return 'begun';
  }

  private beginRun(kind: Run, length: number): Reply | 'begun' {
    if (length === -1) {
      if (kind !== 'bulk') this.fail(`${kind} without a length`);
      return { kind: 'null' };
    }
    if (length > this.limits.bulkBytesMax) this.fail(`${length} bytes, ${this.limits.bulkBytesMax} allowed`);
    this.charge(length);
    this.run = { kind, length };
    return 'begun';
  }

  private takeRun(run: { readonly kind: Run; readonly length: number }): Reply | 'more' {
    const bytes = this.intake.takeRun(run.length);
    if (bytes === undefined) return 'more';
    if (!this.intake.runEndedWell) this.fail('bulk without CR LF behind it');
    this.run = undefined;
    if (run.kind === 'bulk') return { kind: 'bulk', bytes };
    if (run.kind === 'error') return { kind: 'error', text: bytes.toString() };
    if (bytes[VERBATIM_HEAD_BYTES - 1] !== 58) this.fail('verbatim string without a format');
    return {
      kind: 'verbatim',
      format: bytes.toString('latin1', 0, 3),
      bytes: bytes.subarray(VERBATIM_HEAD_BYTES),
    };
  }

  /** Puts a finished element where it belongs; the whole reply when that was the last one missing. */
  private settle(element: Reply): Reply | undefined {
    let finished = element;
    for (;;) {
      const frame = this.frames.at(-1);
      if (frame === undefined) return finished;
      frame.items.push(finished);
      frame.left -= 1;
      if (frame.left > 0) return undefined;
      this.frames.pop();
      if (frame.kind === 'attribute') return undefined;
      finished = finishFrame(frame);
    }
  }

  private charge(count: number): void {
    this.replyBytes += count + ELEMENT_OVERHEAD_BYTES;
    if (this.replyBytes > this.limits.replyBytesMax)
      this.fail(`reply beyond ${this.limits.replyBytesMax} bytes`);
  }

  private fail(reason: string): never {
    this.dead = true;
    this.intake.clear();
    this.frames.length = 0;
    throw new FormatError(`reply: ${reason}`);
  }
}

function finishFrame(frame: Frame): Reply {
  const { kind, items } = frame;
  if (kind !== 'map') return { kind: kind as 'array' | 'set' | 'push', items };
  const entries: [Reply, Reply][] = [];
  for (let at = 0; at + 1 < items.length; at += 2) entries.push([items[at]!, items[at + 1]!]);
  return { kind, entries };
}
