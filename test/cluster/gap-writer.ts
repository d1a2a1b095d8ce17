/**
 * Clients that write to every slot all the time, and what they notice of a fault: for each slot the longest time without an
 * acknowledged write.
 *
 * Each writer has a connection of its own to one node and one key, so that a slot in trouble holds up nobody's writes but its own.
 * It is a client in a hurry: an uncertain outcome, a refusal, a lost connection or too long a silence, and it goes on with the
 * next write at once. Gaps are counted over all writers of a slot.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Address, RespClient } from '../../jepsen-style/resp-client.js';
import { hash14, slotOfHash } from '../../src/slot/hash.js';

export interface WriterHabits {
  /** Writers of each slot through each node. */
  readonly writers: number;
  /** Between an acknowledgement and the next write. */
  readonly pauseMs: number;
  /** A write unanswered for so long is given up, and its connection with it. */
  readonly patienceMs: number;
}

export const HURRIED: WriterHabits = { writers: 1, pauseMs: 8, patienceMs: 250 };

const RECONNECT_MS = 20;

interface SlotFigures {
  lastAtMs: number;
  longestGapMs: number;
  /** Acknowledged since the mark. */
  count: number;
}

export class GapWriter {
  private readonly slots: SlotFigures[];
  private readonly outcomes = new Map<string, number>();
  private readonly running: Promise<unknown>;
  private isOver = false;

  /** Begins to write through all of `nodes`. */
  constructor(nodes: readonly Address[], slots: number, habits = HURRIED) {
    const nowMs = performance.now();
    this.slots = Array.from({ length: slots }, () => ({
      lastAtMs: nowMs,
      longestGapMs: 0,
      count: 0,
    }));
    const writers = nodes.flatMap((node, at) =>
      this.slots.flatMap((_, slot) =>
        Array.from({ length: habits.writers }, (_, number) =>
          this.write(node, slot, keyOfSlot(slot, slots, `gap:${at}:${number}`), habits),
        ),
      ),
    );
    this.running = Promise.all(writers);
  }

  get slotCount(): number {
    return this.slots.length;
  }

  /** Gaps are counted from here on; one that began before counts whole. */
  mark(): void {
    this.outcomes.clear();
    for (const figures of this.slots) {
      figures.longestGapMs = 0;
      figures.count = 0;
    }
  }

  /** Since the mark, the present silence included. */
  longestGapMs(slot: number): number {
    const { longestGapMs, lastAtMs } = this.slots[slot]!;
    return Math.max(longestGapMs, performance.now() - lastAtMs);
  }

  /** For how long no write of the slot has been acknowledged. */
  silenceMs(slot: number): number {
    return performance.now() - this.slots[slot]!.lastAtMs;
  }

  /** Acknowledged since the mark. */
  count(slot: number): number {
    return this.slots[slot]!.count;
  }

  /** How writes that were not acknowledged ended, since the mark. */
  get failures(): string {
    const sorted = [...this.outcomes].sort((a, b) => b[1] - a[1]);
    return sorted.map(([what, count]) => `${count} ${what}`).join(', ') || 'none';
  }

  async stop(): Promise<void> {
    this.isOver = true;
    await this.running;
  }

  private async write(node: Address, slot: number, key: string, habits: WriterHabits): Promise<void> {
    let connection: RespClient | undefined;
    for (let number = 0; !this.isOver; number++) {
      connection = connection?.isOpen ? connection : await this.connect(node, habits.patienceMs);
      if (connection === undefined) continue;
      const outcome = await connection.call('SET', key, `${number}`);
      if (outcome.kind === 'ok') this.acknowledge(slot);
      else this.failed(outcome.error);
      if (outcome.kind !== 'unknown') await sleep(habits.pauseMs);
    }
    connection?.close();
  }

  private async connect(node: Address, timeoutMs: number): Promise<RespClient | undefined> {
    try {
      return await RespClient.connect(node, timeoutMs);
    } catch (error) {
      this.failed(`connect: ${(error as NodeJS.ErrnoException).code ?? (error as Error).message}`);
      await sleep(RECONNECT_MS);
      return undefined;
    }
  }

  private acknowledge(slot: number): void {
    const figures = this.slots[slot]!;
    const nowMs = performance.now();
    figures.longestGapMs = Math.max(figures.longestGapMs, nowMs - figures.lastAtMs);
    figures.lastAtMs = nowMs;
    figures.count++;
  }

  private failed(error: string): void {
    const what = error
      .split(' ')
      .slice(0, error.startsWith('connect') ? 2 : 1)
      .join(' ');
    this.outcomes.set(what, (this.outcomes.get(what) ?? 0) + 1);
  }
}

/** A key that lies in the slot. */
export function keyOfSlot(slot: number, slots: number, prefix: string): string {
  for (let number = 0; ; number++) {
    const key = `${prefix}:${number}`;
    if (slotOfHash(hash14(Buffer.from(key)), slots) === slot) return key;
  }
}
