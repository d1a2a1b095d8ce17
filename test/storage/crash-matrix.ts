/**
 * The crash matrix on fakes: the storage story (storage-story.ts), told again and again with a crash at another effect each time, and
 * judged at every boot (disk-judge.ts) and at its end (test/sim/simulate.ts: nothing acknowledged lost, equal replicas, and so once more
 * after a power cut of all).
 */
import assert from 'node:assert/strict';
import { type CrashPoint, countEffects, crashAt } from '../sim/crash-script.js';
import { DiskJudge, type Tallies } from './disk-judge.js';
import { FAILPOINTS } from './failpoints.js';
import { STORAGE_STORY } from './storage-story.js';

/** With fewer the story has lost something on the way. */
const EFFECTS_MIN = 250;

export interface MatrixPart extends Omit<CrashPoint, 'effect'> {
  /** 1: every effect. */
  readonly every: number;
}

export async function crashMatrix({ who, mode, every }: MatrixPart): Promise<Tallies> {
  const tallies: Tallies = new Map();
  const whole = new DiskJudge(tallies);
  const effects = await countEffects(STORAGE_STORY, whole);
  assert.ok(effects >= EFFECTS_MIN, `only ${effects} effects`);
  assert.deepEqual(
    FAILPOINTS.filter((point) => !tallies.has(point)),
    [],
    'the story passes every failpoint',
  );
  const failures: string[] = [];
  for (let effect = 0; effect < effects; effect += every) {
    const judge = new DiskJudge(tallies);
    await crashAt(STORAGE_STORY, { effect, who, mode }, judge).catch((why: Error) =>
      failures.push(`effect ${effect}: ${why.message}`),
    );
    assert.ok(judge.judged > 0, `effect ${effect}: nothing was judged`);
  }
  assert.deepEqual(failures, []);
  return tallies;
}

/** One line each, for the report of a run. */
export function linesOf(tallies: Tallies): readonly string[] {
  return FAILPOINTS.map((point) => {
    const { passed = 0, endedBefore = 0, endedAfter = 0 } = tallies.get(point) ?? {};
    return `${point}: passed ${passed}, lives ended before it ${endedBefore}, after it ${endedAfter}`;
  });
}

/** Failpoints that no crash came right before, or right after. */
export function uncrashed(tallies: Tallies): readonly string[] {
  return FAILPOINTS.flatMap((point) => {
    const { endedBefore = 0, endedAfter = 0 } = tallies.get(point) ?? {};
    return [
      ...(endedBefore === 0 ? [`before ${point}`] : []),
      ...(endedAfter === 0 ? [`after ${point}`] : []),
    ];
  });
}
