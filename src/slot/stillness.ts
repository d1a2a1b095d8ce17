/**
 * Whether a slot needs a turn of the pump, and when the clock can matter to it.
 *
 * Of a thousand groups in use most do nothing at a given moment but keep each other alive: a heartbeat or its answer, and a look at
 * the clock. A turn for each of these costs more than all else; who is still has none, and who waits for a time is not
 * looked at before.
 */
import type { Raft } from '../raft/raft.js';
import type { Acks } from './acks.js';
import type { Ahead } from './ahead.js';
import type { Applier } from './applier.js';
import type { DueKeys } from './due-keys.js';
import type { Proposals } from './proposals.js';
import type { Requests } from './requests.js';
import type { Installs } from './snapshot-install.js';

export interface StillnessParts<R> {
  readonly raft: Raft;
  readonly requests: Requests<R>;
  readonly acks: Acks;
  readonly applier: Applier<R>;
  readonly installs: Installs;
  readonly proposals: Proposals<R>;
  readonly dueKeys: DueKeys;
  readonly ahead: Ahead | undefined;
}

export class Stillness<R> {
  /** Before that the clock needs no look; Infinity: it rests. Kept, since it is asked for with every tick. */
  dueMs = 0;

  constructor(private readonly parts: StillnessParts<R>) {}

  /** True when the core's time had come: it may have something to say. */
  tick(nowMs: number): boolean {
    const { raft, requests, acks, installs, dueKeys } = this.parts;
    const isCoresTime = nowMs >= raft.nextTickMs && !installs.deaf;
    if (isCoresTime) raft.tick(nowMs);
    if (requests.outstanding > 0) requests.expire(nowMs);
    acks.expire(nowMs);
    dueKeys.look();
    return isCoresTime;
  }

  /** Neither the clock nor anybody waits for anything here: the pump need not look until something happens. */
  get isResting(): boolean {
    return this.parts.raft.nextTickMs === Number.POSITIVE_INFINITY && !this.isAsked;
  }

  /** Nothing waits for a turn but what the core may have ready. */
  get isStill(): boolean {
    const { applier, installs, proposals, ahead } = this.parts;
    return (
      !this.isAsked && !proposals.wanted && applier.isIdle && !installs.waiting && ahead?.isUndecided !== true
    );
  }

  /** To be called when anything may have changed. */
  look(): void {
    const { raft, dueKeys } = this.parts;
    this.dueMs = this.isAsked || dueKeys.isWatching ? 0 : raft.nextTickMs;
  }

  /** Somebody waits for an answer, and has a deadline. */
  private get isAsked(): boolean {
    return this.parts.requests.outstanding > 0 || this.parts.acks.waitingCount > 0;
  }
}
