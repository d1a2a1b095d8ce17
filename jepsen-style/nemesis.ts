/**
 * Faults by a schedule that the seed alone decides: printed before the run, so that a failure names it.
 *
 * A schedule says when and what, not whom: "the node that leads most" is looked up at the moment of the strike.
 * Between strikes the cluster is whole and quiet for at least as long as it was broken, since a system that is
 * always broken shows nothing. Each strike is written to the history; the rules of a valid run count what was
 * acknowledged between any two.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Random, seededRandom } from '../src/random.js';
import { STRIKE } from './checkers/validity.js';
import { WOKE } from './checkers/wake-reads.js';
import { type Cluster, nodeName } from './cluster.js';
import type { Recorder } from './recorder.js';

export const NEMESES = ['none', 'kill', 'sever', 'pause', 'block', 'reset', 'power'] as const;
export type NemesisName = (typeof NEMESES)[number];

export interface Strike {
  readonly kind:
    | 'kill-leader'
    | 'kill-all'
    | 'sever-leader'
    | 'pause-leader'
    | 'block-leader'
    | 'reset-leader'
    | 'cut-leader'
    | 'cut-majority'
    | 'cut-all';
  readonly atMs: number;
  /** From the fault to the restart, the awakening or the last reset. */
  readonly downMs: number;
  /** Of a sleep: the streams that lead to the sleeper are reset before it wakes, so that at first it hears of nothing. */
  readonly isDeaf?: boolean;
}

const LEADER_STRIKES = 6;
/** In turn. */
const CUTS = ['cut-leader', 'cut-majority', 'cut-all'] as const;
/** What a cut takes, with the coming back and the looking at what is there. */
const CUT_MS = 6000;
const CUT_DOWN_MS_MAX = 1500;
/** Nothing happens in the first tenth of a run. */
const QUIET_SHARE = 0.1;
const DOWN_MS_MIN = 300;
const DOWN_MS_MAX = 2500;
/** Before a severed leader is killed: shorter than an election time-out, so that it leads all along. */
const SEVERED_MS = 300;
/** Faster than a stream is dialled again and has delivered much. */
const SEVER_EVERY_MS = 5;
/** Of a turn; the rest is for healing and for quiet. */
const DOWN_SHARE = 0.4;
/** Longer than a lease and an election time-out: who wakes believes that it still leads. */
const PAUSE_MS_MIN = 5000;
const PAUSE_MS_MAX = 7000;
const QUIET_MS_MIN = 1500;
const WAKE_MARGIN_MS = 20;
/** Too short for a stream to be given up and dialled again in earnest. */
const DEAF_BEFORE_WAKING_MS = 80;
/** From one reset of a stream to the next: below and above what it takes to connect again and to elect. */
const RESET_EVERY_MS_MIN = 20;
const RESET_EVERY_MS_MAX = 600;

/** `count`: of strikes at leaders; undefined: as many as are usual. */
export function planStrikes(
  nemesis: NemesisName,
  seed: number,
  timeMs: number,
  count?: number,
): readonly Strike[] {
  if (nemesis === 'none') return [];
  const random = seededRandom(seed);
  if (nemesis === 'power') return planCuts(random, timeMs);
  const firstMs = timeMs * QUIET_SHARE;
  const isSleep = nemesis === 'pause' || nemesis === 'block';
  const usual = isSleep ? sleepsWithin(timeMs - firstMs) : LEADER_STRIKES;
  const atLeaders = count ?? usual;
  const strikes = atLeaders + (nemesis === 'kill' ? 1 : 0);
  const turnMs = (timeMs - firstMs) / strikes;
  const isDeath = nemesis === 'kill' || nemesis === 'sever';
  const downMsMax = Math.min(isDeath ? DOWN_MS_MAX : PAUSE_MS_MAX, turnMs * DOWN_SHARE);
  const downMsMin = Math.min(isSleep ? PAUSE_MS_MIN : DOWN_MS_MIN, downMsMax);
  return Array.from({ length: strikes }, (_, index) => ({
    kind: kindOf(nemesis, index < atLeaders),
    atMs: Math.round(firstMs + turnMs * (index + random.float() * 0.2)),
    downMs: Math.round(downMsMin + random.float() * (downMsMax - downMsMin)),
    ...(isSleep ? { isDeaf: index % 2 === 0 } : {}),
  }));
}

/** One every six seconds of the run. When they come is decided as they go: each waits for what the one before has left. */
function planCuts(random: Random, timeMs: number): readonly Strike[] {
  return Array.from({ length: Math.max(1, Math.floor(timeMs / CUT_MS)) }, (_, index) => ({
    kind: CUTS[index % CUTS.length]!,
    atMs: index * CUT_MS,
    downMs: Math.round(DOWN_MS_MIN + random.float() * (CUT_DOWN_MS_MAX - DOWN_MS_MIN)),
  }));
}

/** As many full ones as fit: a sleep that nobody notices shows nothing. */
function sleepsWithin(timeMs: number): number {
  return Math.min(LEADER_STRIKES, Math.max(1, Math.floor((timeMs * DOWN_SHARE) / PAUSE_MS_MAX)));
}

function kindOf(nemesis: Exclude<NemesisName, 'power'>, isAtLeader: boolean): Strike['kind'] {
  if (nemesis !== 'kill' && nemesis !== 'none') return `${nemesis}-leader`;
  return isAtLeader ? 'kill-leader' : 'kill-all';
}

export function formatStrike(strike: Strike): string {
  const [at, down] = [strike.atMs, strike.downMs].map((ms) => (ms / 1000).toFixed(2));
  return `at ${at} s ${strike.kind}, for ${down} s${strike.isDeaf ? ', deaf when it wakes' : ''}`;
}

export class Nemesis {
  constructor(
    private readonly cluster: Cluster,
    private readonly recorder: Recorder,
    private readonly print: (line: string) => void,
    /** Of what a strike decides as it goes along. */
    private readonly random: Random = seededRandom(0),
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

  /** Resolves when it is healed and every node answers. */
  async strike(strike: Strike): Promise<void> {
    const victims = await this.victimsOf(strike);
    const names = victims.map(nodeName);
    this.print(`${strike.kind}: ${names.join(', ')} for ${strike.downMs} ms`);
    this.recorder.fault(STRIKE, `${strike.kind} ${names.join(' ')}`, victims.length === 1 ? victims[0]! : 0);
    await this.breakAndHeal(strike, victims);
    const silent = await this.cluster.silentNodes();
    if (silent.length > 0)
      throw new Error(`after ${strike.kind} these nodes never answered again: ${silent}`);
    this.recorder.fault('healed', names.join(' '));
  }

  private async breakAndHeal(strike: Strike, victims: readonly number[]): Promise<void> {
    const [victim] = victims as [number, ...number[]];
    const { kind, downMs } = strike;
    switch (kind) {
      case 'pause-leader':
        this.cluster.pause(nodeName(victim));
        await this.watchSleep(strike, victim, downMs);
        return this.cluster.resume(nodeName(victim));
      case 'block-leader':
        // Its own reply comes too late to say when it wakes: those that others waited for are on their way by then.
        await Promise.all([
          this.cluster.block(victim, downMs),
          this.watchSleep(strike, victim, downMs - WAKE_MARGIN_MS),
        ]);
        return;
      case 'reset-leader':
        return this.resetStreams(victim, downMs);
      case 'sever-leader':
        await this.sever(victim);
        return this.killAndRestart(victims, downMs);
      case 'cut-leader':
      case 'cut-majority':
      case 'cut-all':
        await this.cluster.cutPower(victims);
        await sleep(downMs);
        await this.cluster.powerUp(victims);
        return;
      default:
        return this.killAndRestart(victims, downMs);
    }
  }

  private async killAndRestart(victims: readonly number[], downMs: number): Promise<void> {
    const names = victims.map(nodeName);
    await Promise.all(names.map((name) => this.cluster.kill(name)));
    await sleep(downMs);
    for (const name of names) this.cluster.restart(name);
  }

  /** What the leader logs meanwhile hardly anybody else has: the streams to the others break as soon as they are there. */
  private async sever(leader: number): Promise<void> {
    const others = this.cluster.running.filter((node) => node !== leader);
    const endMs = performance.now() + SEVERED_MS;
    while (performance.now() < endMs) {
      this.cluster.resetStreams(others);
      await sleep(SEVER_EVERY_MS);
    }
  }

  private async victimsOf({ kind }: Strike): Promise<readonly number[]> {
    const { running } = this.cluster;
    if (kind === 'kill-all' || kind === 'cut-all') return running;
    const leader = await this.leader();
    if (kind !== 'cut-majority') return [leader];
    const others = running.filter((node) => node !== leader);
    return [leader, ...others.slice(0, Math.floor(running.length / 2))];
  }

  /** Resolves a moment before the sleeper may wake: what it does from then on is done awake. */
  private async watchSleep(strike: Strike, victim: number, forMs: number): Promise<void> {
    await sleep(forMs - DEAF_BEFORE_WAKING_MS);
    if (strike.isDeaf) this.cluster.resetStreams([victim]);
    await sleep(DEAF_BEFORE_WAKING_MS);
    this.recorder.fault(WOKE, null, victim);
  }

  /** In turn those that lead to the leader, and all that there are, its own to the others among them. */
  private async resetStreams(leader: number, forMs: number): Promise<void> {
    const endMs = performance.now() + forMs;
    for (let turn = 0; performance.now() < endMs; turn++) {
      this.cluster.resetStreams(turn % 2 === 0 ? [leader] : this.cluster.running);
      const share = this.random.float() ** 2;
      await sleep(RESET_EVERY_MS_MIN + share * (RESET_EVERY_MS_MAX - RESET_EVERY_MS_MIN));
    }
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
