/**
 * Latencies in buckets whose width is a 64th of their value: what is read off is right to 1.6 %, and a million values cost as much
 * memory as one.
 */
const STEPS = 64;
const STEP_BITS = 6;
/** Microseconds up to 2^36: nineteen hours. */
const POWERS = 31;

export class Histogram {
  private readonly counts = new Float64Array(STEPS * (POWERS + 1));
  private total = 0;
  private largestUs = 0;

  add(valueMs: number, times = 1): void {
    const us = Math.max(0, Math.round(valueMs * 1000));
    this.counts[bucketOf(us)]! += times;
    this.total += times;
    if (us > this.largestUs) this.largestUs = us;
  }

  get count(): number {
    return this.total;
  }

  get maxMs(): number {
    return this.largestUs / 1000;
  }

  /** The value that `share` of all stay at or below; NaN of none. */
  quantileMs(share: number): number {
    if (this.total === 0) return Number.NaN;
    let left = Math.max(1, Math.ceil(this.total * share));
    for (const [bucket, count] of this.counts.entries()) {
      left -= count;
      if (left <= 0) return Math.min(topOf(bucket), this.largestUs) / 1000;
    }
    return this.maxMs;
  }
}

/** Below 64 a bucket a microsecond; then 64 for each power of two. */
function bucketOf(us: number): number {
  if (us < STEPS) return us;
  const power = Math.min(POWERS, Math.floor(Math.log2(us)) - STEP_BITS + 1);
  const step = Math.min(STEPS - 1, Math.floor(us / 2 ** (power - 1)) - STEPS);
  return power * STEPS + step;
}

function topOf(bucket: number): number {
  const power = Math.floor(bucket / STEPS);
  if (power === 0) return bucket;
  return (STEPS + (bucket % STEPS) + 1) * 2 ** (power - 1) - 1;
}
