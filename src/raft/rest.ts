/**
 * When a leader's group goes to sleep. Idle for long enough, the leader's heartbeats say so ("drowsy"); when every follower that
 * can be reached has answered one of them with its own sleep, no more are sent: no timer runs on either side.
 *
 * Invariants: what is used wakes at once and stays awake for `quiesceAfterMs`; when a sleep, or the way to it, is called off, a
 * heartbeat that doesn't say "sleep" follows, so a follower that fell asleep too early is woken; a quorum sleeps or nobody.
 * Left out: waking (raft.ts), and what a follower must have done first (follower.ts).
 */
import { isJoint } from './membership.js';
import type { Message } from './message.js';
import { quorumValue } from './quorum.js';
import type { Replication } from './replication.js';
import type { State } from './state.js';

const NEVER = Number.POSITIVE_INFINITY;

export class Rest {
  asleep = false;
  /** Since when all heartbeats have said so. */
  private drowsySinceMs = NEVER;
  private usedAtMs: number;

  constructor(
    private readonly state: State,
    private readonly replication: Replication,
  ) {
    this.usedAtMs = state.nowMs;
  }

  get drowsy(): boolean {
    return this.drowsySinceMs !== NEVER;
  }

  /** True when a sleep, or the way to it, was called off: then a heartbeat must follow. */
  use(): boolean {
    const { nowMs } = this.state;
    this.usedAtMs = nowMs;
    if (!this.drowsy) return false;
    this.asleep = false;
    this.drowsySinceMs = NEVER;
    for (const progress of this.replication.peers.values()) progress.waitFrom(nowMs);
    return true;
  }

  /** Before each heartbeat that the timer asks for. */
  beat(busy: boolean): void {
    const { nowMs, settings } = this.state;
    if (!this.isIdle(busy) || nowMs - this.usedAtMs < settings.quiesceAfterMs) this.drowsySinceMs = NEVER;
    else if (!this.drowsy) this.drowsySinceMs = nowMs;
  }

  fallAsleepWhenAllDo(busy: boolean): void {
    if (!this.drowsy || this.asleep || !this.isIdle(busy)) return;
    const { peers } = this.replication;
    for (const progress of peers.values())
      if (!progress.down && !progress.sleepsSince(this.drowsySinceMs)) return;
    const { configuration, id: self } = this.state;
    const sleeps = (id: number): boolean =>
      id === self || peers.get(id)?.sleepsSince(this.drowsySinceMs) === true;
    this.asleep = quorumValue(configuration, (id) => (sleeps(id) ? 1 : 0)) === 1;
  }

  /** Nothing to do, and nothing that a follower would miss. */
  private isIdle(busy: boolean): boolean {
    const { configuration, isVoter, log } = this.state;
    if (busy || !isVoter || isJoint(configuration)) return false;
    if (log.appliedIndex !== log.lastIndex || log.savedIndex !== log.lastIndex) return false;
    for (const progress of this.replication.peers.values())
      if (!progress.down && !progress.isIdleAt(log.lastIndex)) return false;
    return true;
  }
}

/** The only words that wake nobody: those that put to sleep, and the answers to them. */
export function speaksOfSleep(message: Message): boolean {
  if (message.kind === 'heartbeat') return message.sleep;
  return message.kind === 'heartbeatReply' && message.asleep;
}
