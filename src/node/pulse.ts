/**
 * Whether the peers' nodes live, as far as silence can tell: every node says a word to every peer now and then, for all its
 * groups at once, so that a group may sleep and still be woken when a node that it depends on is gone.
 *
 * A broken connection tells of a dead process at once; a pulse tells of one that is stopped, or cut off by a network that says
 * nothing. Silence proves nothing: whoever acts on it must be right also when the peer lives (elections and leases are).
 *
 * A node that was stopped itself has heard nobody: it listens anew before it judges.
 */
import type { Env, Timer } from '../env.js';
import type { NodeId } from '../rpc/transport.js';

export interface PulseSettings {
  /** Between two words to a peer. */
  readonly pulseMs: number;
  /** A peer that is connected and silent for so long is taken for gone. */
  readonly peerSilenceMs: number;
}

export interface PulseEvents {
  /** Says a word to every peer. */
  beat(): void;
  /** Its connection broke, or it has fallen silent. May come twice. */
  onGone(peer: NodeId): void;
  /** It is connected, or is heard again. */
  onBack(peer: NodeId): void;
}

interface Hearing {
  atMs: number;
  silent: boolean;
}

export class Pulse {
  /** Of the peers that we are connected with. */
  private readonly heardFrom = new Map<NodeId, Hearing>();
  private timer: Timer | undefined;
  private lastLookMs = 0;

  constructor(
    private readonly env: Env,
    private readonly settings: PulseSettings,
    private readonly events: PulseEvents,
  ) {}

  start(): void {
    this.lastLookMs = this.env.monotonicMs();
    this.arm();
  }

  close(): void {
    this.timer?.cancel();
  }

  isReachable(peer: NodeId): boolean {
    return this.heardFrom.get(peer)?.silent === false;
  }

  get reachableCount(): number {
    let count = 0;
    for (const { silent } of this.heardFrom.values()) if (!silent) count++;
    return count;
  }

  connected(peer: NodeId): void {
    this.heardFrom.set(peer, { atMs: this.env.monotonicMs(), silent: false });
    this.events.onBack(peer);
  }

  disconnected(peer: NodeId): void {
    this.heardFrom.delete(peer);
    this.events.onGone(peer);
  }

  heard(peer: NodeId): void {
    const hearing = this.heardFrom.get(peer);
    if (hearing === undefined) return;
    hearing.atMs = this.env.monotonicMs();
    if (!hearing.silent) return;
    hearing.silent = false;
    this.events.onBack(peer);
  }

  private arm(): void {
    this.timer = this.env.after(this.settings.pulseMs, () => {
      this.events.beat();
      this.listen();
      this.arm();
    });
  }

  private listen(): void {
    const nowMs = this.env.monotonicMs();
    const { pulseMs, peerSilenceMs } = this.settings;
    const wasStopped = nowMs - this.lastLookMs > 2 * pulseMs;
    this.lastLookMs = nowMs;
    for (const [peer, hearing] of [...this.heardFrom]) {
      if (wasStopped && !hearing.silent) hearing.atMs = nowMs;
      if (hearing.silent || nowMs - hearing.atMs < peerSilenceMs) continue;
      hearing.silent = true;
      this.events.onGone(peer);
    }
  }
}
