/**
 * Requests out of bytes: RESP multibulk and inline, as Redis 7.2 reads them, with its words for what is wrong.
 *
 * Pull-based: `feed` bytes, then call `next` until it has no more. Nothing is parsed ahead of `next`, so whoever
 * stops calling it (because a password is being checked, or too much is in flight) stops the parsing too, and a
 * change of `authenticated` or `limits` governs the very next request.
 *
 * Invariants:
 * - The requests and the error do not depend on how the bytes were cut into chunks.
 * - Arguments are views of the chunks or memory of their own, and stay valid whatever is fed later. A small
 *   argument may pin its chunk: who keeps one for long copies it.
 * - `next` throws nothing but ProtocolError, once; after it the parser is dead and drops what it is fed.
 * - One request holds at most `queryBufferBytesMax`.
 *
 * As in Redis, the byte after a CR in a length line and the two bytes after a bulk are not looked at.
 */
import { splitInline } from './inline.js';
import { Intake } from './intake.js';
import { ARGUMENT_OVERHEAD_BYTES, DEFAULT_PARSER_LIMITS, type ParserLimits } from './limits.js';
import { parseInteger } from './number.js';

/** The client's bytes are no protocol. `message` is what follows `-ERR `. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';

  constructor(
    message: string,
    /** Close without a word: it is a browser that was tricked into talking to us. */
    readonly quiet = false,
  ) {
    super(message);
  }
}

/** What is expected next. */
type Stage = 'request' | 'inline' | 'count' | 'length' | 'bulk' | 'dead';

const CR = 13;
const LF = 10;
const STAR = 42;
const DOLLAR = 36;

export class RequestParser {
  /** May be changed between requests. */
  limits: ParserLimits;
  /** An unauthenticated client gets few and small arguments. */
  authenticated = true;

  private readonly intake = new Intake();
  private stage: Stage = 'request';
  private argv: Buffer[] = [];
  private argumentsLeft = 0;
  private bulkBytes = 0;
  private requestBytes = 0;

  constructor(limits: ParserLimits = DEFAULT_PARSER_LIMITS) {
    this.limits = limits;
  }

  /** The chunk must not be written to afterwards. */
  feed(chunk: Buffer): void {
    if (this.stage !== 'dead') this.intake.feed(chunk);
  }

  /** Received, and not yet part of a finished argument. */
  get bufferedBytes(): number {
    return this.intake.bufferedBytes;
  }

  /** The next complete request, its name first and never empty; undefined when more bytes are needed. */
  next(): Buffer[] | undefined {
    for (;;) {
      switch (this.stage) {
        case 'request':
          if (!this.begin()) return undefined;
          break;
        case 'inline': {
          const argv = this.takeInline();
          if (argv === undefined) return undefined;
          if (argv.length > 0) return argv;
          break;
        }
        case 'count':
          if (!this.takeCount()) return undefined;
          break;
        case 'length':
          if (!this.takeBulkLength()) return undefined;
          break;
        case 'bulk':
          if (!this.takeBulk()) return undefined;
          if (this.argumentsLeft === 0) return this.finish();
          break;
        case 'dead':
          return undefined;
      }
    }
  }

  /** Lets go of all memory; the parser is dead. */
  clear(): void {
    this.stage = 'dead';
    this.argv = [];
    this.intake.clear();
  }

  private begin(): boolean {
    const byte = this.intake.peek();
    if (byte === -1) return false;
    this.stage = byte === STAR ? 'count' : 'inline';
    return true;
  }

  private takeInline(): Buffer[] | undefined {
    const line = this.intake.takeLine(LF, this.limits.inlineBytesMax);
    if (line === 'more') return undefined;
    if (line === 'long') this.fail('Protocol error: too big inline request');
    const end = line[line.length - 1] === CR ? line.length - 1 : line.length;
    const argv = splitInline(line.subarray(0, end));
    if (argv === undefined) this.fail('Protocol error: unbalanced quotes in request');
    if (speaksHttp(argv)) this.fail('Possible SECURITY ATTACK: HTTP spoken to a RESP port', true);
    this.stage = 'request';
    return argv;
  }

  private takeCount(): boolean {
    let count = this.intake.takeSmallLength(STAR);
    if (count === -1) {
      const line = this.intake.takeLine(CR, this.limits.inlineBytesMax);
      if (line === 'more') return false;
      if (line === 'long') this.fail('Protocol error: too big mbulk count string');
      count = Number(
        parseInteger(line, 1, line.length) ?? this.fail('Protocol error: invalid multibulk length'),
      );
    }
    this.checkCount(count);
    this.stage = count > 0 ? 'length' : 'request';
    this.argumentsLeft = count;
    return true;
  }

  private checkCount(count: number): void {
    const { limits } = this;
    if (count > limits.multibulkMax) this.fail('Protocol error: invalid multibulk length');
    if (!this.authenticated && count > limits.unauthenticatedMultibulkMax) {
      this.fail('Protocol error: unauthenticated multibulk length');
    }
  }

  private takeBulkLength(): boolean {
    let length = this.intake.takeSmallLength(DOLLAR);
    if (length === -1) {
      const line = this.intake.takeLine(CR, this.limits.inlineBytesMax);
      if (line === 'more') return false;
      if (line === 'long') this.fail('Protocol error: too big bulk count string');
      if (line[0] !== DOLLAR) this.fail(`Protocol error: expected '$', got '${firstCharacter(line)}'`);
      length = Number(parseInteger(line, 1, line.length) ?? -1);
    }
    this.checkBulkLength(length);
    this.bulkBytes = length;
    this.stage = 'bulk';
    return true;
  }

  private checkBulkLength(length: number): void {
    const { limits } = this;
    if (length < 0 || length > limits.bulkBytesMax) this.fail('Protocol error: invalid bulk length');
    if (!this.authenticated && length > limits.unauthenticatedBulkBytesMax) {
      this.fail('Protocol error: unauthenticated bulk length');
    }
    this.requestBytes += length + ARGUMENT_OVERHEAD_BYTES;
    // Redis closes such a client without a word; a word costs nothing and saves somebody an hour.
    if (this.requestBytes > limits.queryBufferBytesMax) this.fail('Protocol error: too big request');
  }

  private takeBulk(): boolean {
    const bytes = this.intake.takeRun(this.bulkBytes);
    if (bytes === undefined) return false;
    this.argv.push(bytes);
    this.argumentsLeft -= 1;
    this.stage = 'length';
    return true;
  }

  private finish(): Buffer[] {
    const { argv } = this;
    this.argv = [];
    this.requestBytes = 0;
    this.stage = 'request';
    return argv;
  }

  private fail(message: string, quiet = false): never {
    this.clear();
    throw new ProtocolError(message, quiet);
  }
}

/** An empty line has CR itself for its first character, which Redis' error line shows as a blank. */
function firstCharacter(line: Buffer): string {
  return line.length === 0 ? ' ' : line.toString('latin1', 0, 1).replace(/[\r\n]/, ' ');
}

/**
 * A page in a browser can make it POST to any port, and a body of inline commands would be obeyed (cross-protocol
 * scripting). `POST` and `Host:` come before the body, so the connection dies before it. The method GET is left
 * alone: it is a Redis command.
 */
function speaksHttp(argv: readonly Buffer[]): boolean {
  const name = argv[0];
  if (name === undefined || (name.length !== 4 && name.length !== 5)) return false;
  const word = name.toString('latin1').toLowerCase();
  return word === 'post' || word === 'host:';
}
