/**
 * Faults by a schedule that the seed alone decides: printed before the run, so that a failure names it.
 *
 * A schedule says when and what, not whom: "the node that leads most" is looked up at the moment of the strike.
 * Between strikes the cluster is whole and quiet for at least as long as it was broken, since a system that is
 * always broken shows nothing. Each strike is written to the history; the rules of a valid run count what was
 * acknowledged between any two.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '../src/random.js';
import { STRIKE } from './checkers/validity.js';
import { type Cluster, nodeName } from './cluster.js';
import type { Recorder } from './recorder.js';

export type NemesisName = 'none' | 'kill' | 'pause';

export interface Strike {
  readonly kind: 'kill-leader' | 'kill-all' | 'pause-leader';
  readonly atMs: number;
  /** From the fault to the restart or the resumption. */
  readonly downMs: number;
}

const LEADER_STRIKES = 6;
/** Nothing happens in the first tenth of a run. */
const QUIET_SHARE = 0.1;
const DOWN_MS_MIN = 300;
const DOWN_MS_MAX = 2500;
/** Longer than a lease and an election time-out: who wakes believes that it still leads. */
const PAUSE_MS_MAX = 5000;
const QUIET_MS_MIN = 1500;

export function planStrikes(nemesis: NemesisName, seed: number, timeMs: number): readonly Strike[] {
  if (nemesis === 'none') return [];
  const random = seededRandom(seed);
  const strikes = nemesis === 'kill' ? LEADER_STRIKES + 1 : LEADER_STRIKES;
  const firstMs = timeMs * QUIET_SHARE;
  const turnMs = (timeMs - firstMs) / strikes;
  const downMsMax = Math.min(nemesis === 'kill' ? DOWN_MS_MAX : PAUSE_MS_MAX, turnMs * 0.4);
  const downMsMin = Math.min(DOWN_MS_MIN, downMsMax);
  return Array.from({ length: strikes }, (_, index) => ({
    kind: kindOf(nemesis, index),
    atMs: Math.round(firstMs + turnMs * (index + random.float() * 0.2)),
    downMs: Math.round(downMsMin + random.float() * (downMsMax - downMsMin)),
  }));
}

function kindOf(nemesis: NemesisName, index: number): Strike['kind'] {
  if (nemesis === 'pause') return 'pause-leader';
  return index < LEADER_STRIKES ? 'kill-leader' : 'kill-all';
}

export function formatStrike(strike: Strike): string {
  const [at, down] = [strike.atMs, strike.downMs].map((ms) => (ms / 1000).toFixed(2));
  return `at ${at} s ${strike.kind}, for ${down} s`;
}

export class Nemesis {
  constructor(
    private readonly cluster: Cluster,
    private readonly recorder: Recorder,
    private readonly print: (line: string) => void,
  ) {}

  /** Resolves when the last strike is healed and every node answers; rejects when one never does. */
  async run(strikes: readonly Strike[]): Promise<void> {
    const startMs = performance.now();
    for (const strike of strikes) {
      await sleep(Math.max(0, strike.atMs - (performance.now() - startMs)));
      await this.strike(strike);
      await sleep(QUIET_MS_MIN);
    }
  }

  private async strike(strike: Strike): Promise<void> {
    const victims = strike.kind === 'kill-all' ? this.cluster.running : [await this.leader()];
    const names = victims.map(nodeName);
    this.print(`${strike.kind}: ${names.join(', ')} for ${strike.downMs} ms`);
    this.recorder.fault(STRIKE, `${strike.kind} ${names.join(' ')}`, victims.length === 1 ? victims[0]! : 0);
    await this.breakAndHeal(strike, names);
    const silent = await this.cluster.silentNodes();
    if (silent.length > 0)
      throw new Error(`after ${strike.kind} these nodes never answered again: ${silent}`);
    this.recorder.fault('healed', names.join(' '));
  }

  private async breakAndHeal(strike: Strike, names: readonly string[]): Promise<void> {
    if (strike.kind === 'pause-leader') {
      for (const name of names) this.cluster.pause(name);
      await sleep(strike.downMs);
      for (const name of names) this.cluster.resume(name);
      return;
    }
    await Promise.all(names.map((name) => this.cluster.kill(name)));
    await sleep(strike.downMs);
    for (const name of names) this.cluster.restart(name);
  }

  /** The running node that leads most slots, the lowest number among equals. */
  private async leader(): Promise<number> {
    const leaders = await this.cluster.leaders();
    const running = this.cluster.running;
    if (running.length === 0) throw new Error('no node is running');
    return running.reduce((best, node) =>
      (leaders.get(node) ?? 0) > (leaders.get(best) ?? 0) ? node : best,
    );
  }
}
