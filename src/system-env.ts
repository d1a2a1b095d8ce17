/**
 * The Env of a real process: the machine's clocks, timers and dice. With `node:net` and the disk the only place where
 * the world gets in.
 */
import { randomFillSync } from 'node:crypto';
import type { Env, Log } from './env.js';
import type { Random } from './random.js';

export function systemEnv(log: Log): Env {
  return {
    monotonicMs: () => performance.now(),
    wallMs: () => Date.now(),
    after: (delayMs, run) => {
      const timer = setTimeout(run, delayMs);
      return { cancel: () => clearTimeout(timer) };
    },
    defer: (run) => void setImmediate(run),
    random: systemRandom(),
    log,
  };
}

const POOL_BYTES = 4096;

/** The system's own randomness, fetched a page at a time: ids, seeds and election jitter ask often. */
function systemRandom(): Random {
  const pool = Buffer.allocUnsafeSlow(POOL_BYTES);
  let used = POOL_BYTES;
  const u32 = (): number => {
    if (used === POOL_BYTES) {
      randomFillSync(pool);
      used = 0;
    }
    used += 4;
    return pool.readUInt32BE(used - 4);
  };
  return {
    u32,
    float: () => ((u32() >>> 5) * 67108864 + (u32() >>> 6)) / 9007199254740992,
    below: (bound) => Math.floor((u32() / 4294967296) * bound),
  };
}
