/**
 * Flat, or not: the rule by which a series of samples is judged.
 *
 * Of the last half of the run, what it takes to get going left out: the median of each minute (a sawtooth of garbage collection,
 * compaction or segments must not decide), a straight line through them, and how much that line rises over the half, as a share
 * of the mean. Flat is what rises by no more than FLAT_SHARE_MAX; falling is no fault.
 */
import { quantile } from './report.js';

export const FLAT_SHARE_MAX = 0.1;

export interface Sample {
  readonly atSeconds: number;
  readonly value: number;
}

/** The rise as a share of the mean; NaN where there are too few minutes for a line. */
export function riseOf(samples: readonly Sample[], bucketSeconds = 60): number {
  const endSeconds = samples.at(-1)?.atSeconds ?? 0;
  const half = samples.filter(({ atSeconds }) => atSeconds >= endSeconds / 2);
  const buckets = new Map<number, number[]>();
  for (const { atSeconds, value } of half) {
    const bucket = Math.floor(atSeconds / bucketSeconds);
    buckets.set(bucket, [...(buckets.get(bucket) ?? []), value]);
  }
  const points = [...buckets].map(
    ([bucket, values]) => [bucket * bucketSeconds, quantile(values, 0.5)] as const,
  );
  if (points.length < 3) return Number.NaN;
  const mean = (values: readonly number[]): number =>
    values.reduce((sum, one) => sum + one, 0) / values.length;
  const [x, y] = [mean(points.map(([at]) => at)), mean(points.map(([, value]) => value))];
  const above = points.reduce((sum, [at, value]) => sum + (at - x) * (value - y), 0);
  const below = points.reduce((sum, [at]) => sum + (at - x) ** 2, 0);
  const rise = (above / below) * (points.at(-1)![0] - points[0]![0]);
  return y === 0 ? 0 : rise / y;
}
