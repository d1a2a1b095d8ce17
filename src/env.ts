/**
 * The clock, the dice and the timers: the first of the five seams.
 *
 * Nothing below `src/` outside `node/system-env.ts` may ask the world for the time, for randomness or for a
 * wake-up; it asks the Env it was handed. The simulator hands in virtual time and seeded dice.
 */
import type { Random } from './random.js';

export interface Timer {
  /** Idempotent. After it, the callback never runs. */
  cancel(): void;
}

export interface Env {
  /** Milliseconds, fractional, never backwards, origin arbitrary. Leases and time-outs use this only. */
  monotonicMs(): number;
  /** Milliseconds since the epoch, fractional; may jump. Used for stamps only. */
  wallMs(): number;
  /** Runs once, not before `delayMs` from now. */
  after(delayMs: number, run: () => void): Timer;
  /** Runs after what is already queued in this turn of the event loop: the place to batch what came together. */
  defer(run: () => void): void;
  readonly random: Random;
  readonly log: Log;
}

/** Structured log. `fields` are plain data; never secrets or values of keys. */
export interface Log {
  debug(message: string, fields?: object): void;
  info(message: string, fields?: object): void;
  warn(message: string, fields?: object): void;
  error(message: string, fields?: object): void;
}

export const silentLog: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
};

/** Resolves when the event loop has had its turn. */
export function nextTurn(env: Pick<Env, 'defer'>): Promise<void> {
  return new Promise((resolve) => env.defer(resolve));
}
