/**
 * The fingerprint of a run: every event and every message folded into 64 bits, and the last events kept for a failure's report.
 */
const KEPT_EVENTS = 40;

const kindNumbers = new Map<string, number>();

export class Trace {
  private high = 0x811c9dc5;
  private low = 0x1b873593;
  private readonly last: string[] = new Array(KEPT_EVENTS).fill('');
  private count = 0;

  event(atUs: number, kind: string, ownerId: number, size: number): void {
    this.fold(atUs);
    this.fold(numberOf(kind));
    this.fold(ownerId);
    this.fold(size);
    this.last[this.count++ % KEPT_EVENTS] = `${(atUs / 1000).toFixed(3)} ms  #${ownerId} ${kind} ${size}`;
  }

  fold(value: number): void {
    const low = value | 0;
    const high = (value / 4294967296) | 0;
    this.high = mix(this.high ^ low);
    this.low = mix((this.low + Math.imul(this.high, 5) + high) | 0);
  }

  get hash(): string {
    return hex(this.high) + hex(this.low);
  }

  /** Oldest first. */
  lastEvents(): readonly string[] {
    const from = this.count % KEPT_EVENTS;
    return [...this.last.slice(from), ...this.last.slice(0, from)].filter((line) => line !== '');
  }
}

/** FNV-1a, kept per kind. */
function numberOf(kind: string): number {
  let number = kindNumbers.get(kind);
  if (number === undefined) {
    number = 0x811c9dc5;
    for (let i = 0; i < kind.length; i++) number = Math.imul(number ^ kind.charCodeAt(i), 0x01000193);
    kindNumbers.set(kind, number);
  }
  return number;
}

function mix(value: number): number {
  let z = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
  return z ^ (z >>> 16);
}

function hex(value: number): string {
  return (value >>> 0).toString(16).padStart(8, '0');
}
