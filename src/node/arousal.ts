/**
 * Wakes the groups that a node's coming or going concerns, some at a time, so that a thousand elections don't collide.
 *
 * Those that are awake are told at once: somebody may be waiting. Sleepers wait their turn, the oldest request first; what
 * happened last to a node is what counts for a sleeper that is told of both.
 */
import type { Env } from '../env.js';
import type { NodeSlot } from './replicas.js';

/** Sleepers woken in one step, and the time between two steps. */
const WAKES_PER_STEP = 64;
const STEP_MS = 20;

type Event = 'down' | 'up';

export class Arousal {
  private readonly queue = new Map<NodeSlot, Map<number, Event>>();
  private armed = false;

  constructor(
    private readonly env: Env,
    private readonly isHere: (slot: NodeSlot) => boolean,
  ) {}

  tell(slots: Iterable<NodeSlot>, nodeId: number, event: Event): void {
    for (const slot of slots) {
      if (!slot.status.asleep) tellOne(slot, nodeId, event);
      else this.enqueue(slot, nodeId, event);
    }
    if (this.queue.size > 0) this.arm();
  }

  private enqueue(slot: NodeSlot, nodeId: number, event: Event): void {
    const events = this.queue.get(slot) ?? new Map<number, Event>();
    this.queue.set(slot, events.set(nodeId, event));
  }

  private arm(): void {
    if (this.armed) return;
    this.armed = true;
    this.env.after(STEP_MS, () => {
      this.armed = false;
      this.step();
      if (this.queue.size > 0) this.arm();
    });
  }

  private step(): void {
    let left = WAKES_PER_STEP;
    for (const [slot, events] of this.queue) {
      if (left-- === 0) return;
      this.queue.delete(slot);
      if (!this.isHere(slot)) continue;
      for (const [nodeId, event] of events) tellOne(slot, nodeId, event);
    }
  }
}

function tellOne(slot: NodeSlot, nodeId: number, event: Event): void {
  if (event === 'down') slot.peerDown(nodeId);
  else slot.peerUp(nodeId);
}
