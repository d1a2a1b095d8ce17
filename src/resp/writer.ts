/**
 * Where encoded replies are put together: one growing slab, from which each finished batch is cut off.
 *
 * A batch belongs to whoever took it (a socket may still be sending it), so the slab's used part is never
 * written again; what is left of the slab serves the next batches. One writer may serve every connection of a
 * process, as long as each takes its batch before another begins one.
 */
const SLAB_BYTES = 65_536;
/** Below this a loop beats the call into the runtime. */
const SHORT_COPY_BYTES = 16;
const SHORT_TEXT_LENGTH = 64;
const CR = 13;
const LF = 10;
const ZERO = 48;
/** Numbers below this are written digit by digit, without a string. */
const SMALL_NUMBER_MAX = 999_999_999;

export class ReplyWriter {
  private slab: Buffer;
  private start = 0;
  private end = 0;
  private readonly slabBytes: number;

  constructor(slabBytes = SLAB_BYTES) {
    this.slabBytes = slabBytes;
    this.slab = Buffer.allocUnsafeSlow(slabBytes);
  }

  /** Bytes written since the last `take`. */
  get length(): number {
    return this.end - this.start;
  }

  /** Cuts the batch off. */
  take(): Buffer {
    const batch = this.slab.subarray(this.start, this.end);
    this.start = this.end;
    return batch;
  }

  byte(value: number): void {
    this.reserve(1);
    this.slab[this.end++] = value;
  }

  crlf(): void {
    this.reserve(2);
    this.slab[this.end++] = CR;
    this.slab[this.end++] = LF;
  }

  /** `<marker><count>\r\n`; `count` is a safe integer. */
  head(marker: number, count: number): void {
    this.reserve(32);
    this.slab[this.end++] = marker;
    if (count >= 0 && count <= SMALL_NUMBER_MAX) this.digits(count);
    else this.text(String(count));
    this.slab[this.end++] = CR;
    this.slab[this.end++] = LF;
  }

  /** UTF-8. */
  text(text: string): void {
    const { length } = text;
    this.reserve(length * 3 + 2);
    if (length <= SHORT_TEXT_LENGTH && this.asciiText(text)) return;
    this.end += this.slab.write(text, this.end);
  }

  /** One byte a character. */
  latin1(text: string): void {
    const { length } = text;
    this.reserve(length + 2);
    const { slab, end } = this;
    if (length > SHORT_TEXT_LENGTH) slab.write(text, end, 'latin1');
    else for (let at = 0; at < length; at++) slab[end + at] = text.charCodeAt(at);
    this.end = end + length;
  }

  raw(bytes: Uint8Array): void {
    const { length } = bytes;
    this.reserve(length + 2);
    if (length <= SHORT_COPY_BYTES) {
      const { slab, end } = this;
      for (let at = 0; at < length; at++) slab[end + at] = bytes[at]!;
    } else {
      this.slab.set(bytes, this.end);
    }
    this.end += length;
  }

  /** False, with nothing written, when a character is not ASCII. */
  private asciiText(text: string): boolean {
    const { slab, end } = this;
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code > 127) return false;
      slab[end + at] = code;
    }
    this.end = end + text.length;
    return true;
  }

  private digits(value: number): void {
    let scale = 1;
    while (scale * 10 <= value) scale *= 10;
    let rest = value;
    while (scale >= 1) {
      const digit = (rest / scale) | 0;
      this.slab[this.end++] = ZERO + digit;
      rest -= digit * scale;
      scale /= 10;
    }
  }

  private reserve(count: number): void {
    if (this.end + count > this.slab.length) this.grow(count);
  }

  /** The unfinished batch moves to a fresh slab: the old one may still be on its way out. */
  private grow(count: number): void {
    const pending = this.end - this.start;
    const wanted = pending + count;
    const slab = Buffer.allocUnsafeSlow(wanted <= this.slabBytes / 2 ? this.slabBytes : wanted * 2);
    this.slab.copy(slab, 0, this.start, this.end);
    this.slab = slab;
    this.start = 0;
    this.end = pending;
  }
}
