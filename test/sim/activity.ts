/**
 * When the clients of a run ask, and how much: bursts with quiet stretches between, drawn up front.
 *
 * Quiet stretches are a test of their own: whatever learns to sleep must wake up rightly.
 */
import type { Random } from '../../src/random.js';

export interface Burst {
  readonly fromUs: number;
  readonly toUs: number;
  /** Commands of the whole run that may have been asked by its end. */
  readonly commandsUpTo: number;
}

export interface ActivitySettings {
  readonly bursts: number;
  readonly burstUsMax: number;
  /** Commands of all clients in all bursts. */
  readonly commands: number;
}

/** Bursts in order, without overlap, all within `lifeUs`. */
export function drawBursts(random: Random, settings: ActivitySettings, lifeUs: number): readonly Burst[] {
  const { bursts, burstUsMax, commands } = settings;
  const spanUs = Math.floor(lifeUs / bursts);
  const weights = Array.from({ length: bursts }, () => 1 + random.below(4));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let weighed = 0;
  return weights.map((weight, i) => {
    const lengthUs = Math.min(spanUs, 200_000 + random.below(burstUsMax));
    const fromUs = i * spanUs + random.below(spanUs - lengthUs + 1);
    weighed += weight;
    return { fromUs, toUs: fromUs + lengthUs, commandsUpTo: Math.ceil((commands * weighed) / total) };
  });
}

/** When there may be something to ask: `nowUs` itself, a later moment, or never again. */
export function nextChanceUs(bursts: readonly Burst[], nowUs: number, made: number): number | undefined {
  for (const { fromUs, toUs, commandsUpTo } of bursts) {
    if (nowUs < toUs && made < commandsUpTo) return Math.max(nowUs, fromUs);
  }
  return undefined;
}
