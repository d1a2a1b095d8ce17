/**
 * Counts the replies in a stream of RESP without making anything of them: one-line replies and bulk strings, which is all that the
 * commands of a load are answered with.
 */
const LF = 10;
const BULK = 36;
const ERROR = 45;
const ONE_LINE = [43, ERROR, 58];

export class ReplyScanner {
  errors = 0;
  firstError: string | undefined;
  /** Replies `:0`, which of a WAIT say that nobody acknowledged. */
  zeros = 0;
  /** Bytes of a bulk string still to come, its line end too. */
  private skip = 0;
  private line = '';

  /** How many replies these bytes have finished. */
  feed(chunk: Buffer, end: number): number {
    let at = 0;
    let done = 0;
    while (at < end) {
      if (this.skip > 0) {
        const bytes = Math.min(this.skip, end - at);
        this.skip -= bytes;
        at += bytes;
        if (this.skip === 0) done++;
        continue;
      }
      const lineEnd = chunk.indexOf(LF, at);
      if (lineEnd < 0 || lineEnd >= end) {
        this.line += chunk.toString('latin1', at, end);
        break;
      }
      if (this.line === '' && chunk[at] !== BULK) this.shortLine(chunk, at, lineEnd);
      else this.longLine(this.line + chunk.toString('latin1', at, lineEnd));
      this.line = '';
      if (this.skip === 0) done++;
      at = lineEnd + 1;
    }
    return done;
  }

  /** Without making a string of what is almost always `+OK`. */
  private shortLine(chunk: Buffer, at: number, lineEnd: number): void {
    const kind = chunk[at]!;
    if (kind === ERROR || !ONE_LINE.includes(kind) || lineEnd - at === 3)
      this.longLine(chunk.toString('latin1', at, lineEnd));
  }

  private longLine(line: string): void {
    const text = line.trimEnd();
    const kind = text.charCodeAt(0);
    if (kind === BULK) {
      const bytes = Number(text.slice(1));
      if (bytes >= 0) this.skip = bytes + 2;
    } else if (kind === ERROR) {
      this.errors++;
      this.firstError ??= text.slice(1);
    } else if (text === ':0') {
      this.zeros++;
    } else if (!ONE_LINE.includes(kind)) {
      throw new Error(`a reply that no command of a load has: ${JSON.stringify(text.slice(0, 80))}`);
    }
  }
}
