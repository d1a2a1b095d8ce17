/**
 * The faults of a run as data: drawn up front, numbered, each with dice of its own, so that any of them can be left out.
 *
 * A fault says when, what, on which machine and for how long; what is left to choose when it strikes (which link, which leader, what
 * a crash does to the disk) comes from its own dice. More faults fall into bursts of the clients than into quiet stretches.
 */
import type { Random } from '../../src/random.js';
import type { Burst } from './activity.js';

/** In the order of their drawing: append only. */
export const FAULT_KINDS = [
  'crash',
  'crashAtEffect',
  'crashAll',
  'stop',
  'partition',
  'flap',
  'clog',
  'reset',
  'pause',
  'block',
  'clockJump',
  'placement',
  'disconnect',
  'transfer',
  'checkpoint',
  'diskFull',
  'slowDisk',
  'membership',
] as const;

export type FaultKind = (typeof FAULT_KINDS)[number];

export interface PlannedFault {
  /** Counted from 1. */
  readonly number: number;
  /** Since the life of the world began. */
  readonly atUs: number;
  readonly kind: FaultKind;
  /** Counted from 1. */
  readonly machine: number;
  /** True: where it strikes, rather, is a machine that leads some group then. */
  readonly atLeader: boolean;
  readonly durationUs: number;
  /** The seed of its dice. */
  readonly dice: number;
}

export interface FaultSettings {
  readonly count: number;
  readonly durationUsMax: number;
  /** About how long an election takes: half of the faults last about as long, because there leaderships overlap. */
  readonly electionUs: number;
  /** One fault in so many lasts up to four times as long. */
  readonly longEvery: number;
  /** Weights; what is not named never happens. */
  readonly weights: Partial<Record<FaultKind, number>>;
}

export function planFaults(
  random: Random,
  settings: FaultSettings,
  machines: number,
  lifeUs: number,
  bursts: readonly Burst[],
): readonly PlannedFault[] {
  const kinds = FAULT_KINDS.flatMap((kind) =>
    Array.from({ length: settings.weights[kind] ?? 0 }, (): FaultKind => kind),
  );
  if (kinds.length === 0) return [];
  const faults = Array.from({ length: settings.count }, () => {
    const kind = kinds[random.below(kinds.length)]!;
    const machine = 1 + random.below(machines);
    const durationUs = durationOf(random, settings);
    const atLeader = random.below(2) === 0;
    const atUs = momentOf(random, lifeUs, bursts);
    return { atUs, kind, machine, atLeader, durationUs, dice: random.u32() };
  });
  faults.sort((a, b) => a.atUs - b.atUs);
  return faults.map((fault, i) => ({ number: i + 1, ...fault }));
}

function durationOf(random: Random, { durationUsMax, electionUs, longEvery }: FaultSettings): number {
  if (random.below(2) === 0) return Math.floor(electionUs * (0.5 + 2 * random.float()));
  const long = random.below(longEvery) === 0 ? 4 : 1;
  return 1 + random.below(durationUsMax * long);
}

/** Three in four within a burst. */
function momentOf(random: Random, lifeUs: number, bursts: readonly Burst[]): number {
  const burst = random.below(4) === 0 ? undefined : bursts[random.below(Math.max(1, bursts.length))];
  if (burst === undefined) return random.below(lifeUs);
  return burst.fromUs + random.below(burst.toUs - burst.fromUs);
}
