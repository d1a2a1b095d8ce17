/**
 * Reads RESP2 replies from chunks of bytes.
 *
 * The harness judges the server, so it shares no code with it. A reply that is not whole yet is read again from
 * its first byte when more has come: replies here are small. Malformed bytes throw RespProtocolError and the
 * connection is of no further use.
 */
export type RespReply =
  | { readonly kind: 'simple'; readonly text: string }
  | { readonly kind: 'error'; readonly text: string }
  | { readonly kind: 'integer'; readonly value: number }
  | { readonly kind: 'bulk'; readonly text: string }
  | { readonly kind: 'null' }
  | { readonly kind: 'array'; readonly items: readonly RespReply[] };

export class RespProtocolError extends Error {
  override readonly name = 'RespProtocolError';
}

const CARRIAGE_RETURN = 13;
const LINE_FEED = 10;
const LENGTH_MAX = 512 * 1024 * 1024;
const DEPTH_MAX = 16;

export class RespParser {
  private buffer: Buffer = Buffer.alloc(0);
  private position = 0;

  push(chunk: Buffer): void {
    const rest = this.buffer.subarray(this.position);
    this.buffer = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    this.position = 0;
  }

  /** The next whole reply, or undefined until more bytes come. */
  next(): RespReply | undefined {
    const start = this.position;
    const reply = this.read(0);
    if (reply === undefined) this.position = start;
    return reply;
  }

  private read(depth: number): RespReply | undefined {
    const line = this.line();
    if (line === undefined) return undefined;
    const rest = line.slice(1);
    switch (line[0]) {
      case '+':
        return { kind: 'simple', text: rest };
      case '-':
        return { kind: 'error', text: rest };
      case ':':
        return { kind: 'integer', value: integerOf(rest, -Number.MAX_SAFE_INTEGER) };
      case '$':
        return this.bulk(integerOf(rest, -1));
      case '*':
        return this.array(integerOf(rest, -1), depth);
      default:
        throw new RespProtocolError(`no reply begins so: ${JSON.stringify(line.slice(0, 40))}`);
    }
  }

  private line(): string | undefined {
    const end = this.buffer.indexOf(CARRIAGE_RETURN, this.position);
    if (end < 0 || end + 1 >= this.buffer.length) return undefined;
    if (this.buffer[end + 1] !== LINE_FEED) throw new RespProtocolError('a line ends without a line feed');
    const line = this.buffer.toString('utf8', this.position, end);
    this.position = end + 2;
    return line;
  }

  private bulk(length: number): RespReply | undefined {
    if (length < 0) return { kind: 'null' };
    const end = this.position + length;
    if (end + 2 > this.buffer.length) return undefined;
    if (this.buffer[end] !== CARRIAGE_RETURN || this.buffer[end + 1] !== LINE_FEED) {
      throw new RespProtocolError(`a bulk string is not ${length} bytes long`);
    }
    const text = this.buffer.toString('utf8', this.position, end);
    this.position = end + 2;
    return { kind: 'bulk', text };
  }

  private array(length: number, depth: number): RespReply | undefined {
    if (length < 0) return { kind: 'null' };
    if (depth >= DEPTH_MAX) throw new RespProtocolError('nested too deeply');
    const items: RespReply[] = [];
    for (let index = 0; index < length; index++) {
      const item = this.read(depth + 1);
      if (item === undefined) return undefined;
      items.push(item);
    }
    return { kind: 'array', items };
  }
}

function integerOf(text: string, min: number): number {
  const value = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= Number.MAX_SAFE_INTEGER)) {
    throw new RespProtocolError(`no number: ${JSON.stringify(text.slice(0, 40))}`);
  }
  if (min === -1 && value > LENGTH_MAX) throw new RespProtocolError(`a length of ${value}`);
  return value;
}
