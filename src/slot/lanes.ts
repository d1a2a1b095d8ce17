/**
 * The order among the requests of one session, at one slot: a read waits for the session's earlier writes, a write for its earlier
 * reads.
 *
 * Lanes with nothing on them are kept, some of them. A map that is emptied and filled again for each request makes a new table of its
 * own each time, among the old objects where the map is old: a full collection's work, for nothing.
 */
import type { SlotRequest } from './requests.js';

export interface Lane<R> {
  readsOut: number;
  writesTaken: number;
  writesSettled: number;
  /** Most lanes never hold any. */
  held: SlotRequest<R>[] | undefined;
}

/** More than that, and those with nothing on them go. */
const LANES_MAX = 64;

export class Lanes<R> {
  private readonly lanes = new Map<string, Lane<R>>();
  /** So many in use are no reason to look through all of them for each new one. */
  private lanesMax = LANES_MAX;

  get size(): number {
    return this.lanes.size;
  }

  of(session: string): Lane<R> {
    const known = this.lanes.get(session);
    if (known !== undefined) return known;
    if (this.lanes.size >= this.lanesMax) this.dropIdle();
    const lane: Lane<R> = { readsOut: 0, writesTaken: 0, writesSettled: 0, held: undefined };
    this.lanes.set(session, lane);
    return lane;
  }

  /** Whether something of this session is taken and not answered. */
  hasOf(session: string): boolean {
    const lane = this.lanes.get(session);
    return lane !== undefined && !isIdle(lane);
  }

  /** Forgets all of them, and answers what was held back, in the order of the sessions. */
  takeHeld(): SlotRequest<R>[] {
    const held = [...this.lanes.values()].flatMap((lane) => lane.held?.splice(0) ?? []);
    this.lanes.clear();
    return held;
  }

  private dropIdle(): void {
    for (const [session, lane] of this.lanes) if (isIdle(lane)) this.lanes.delete(session);
    this.lanesMax = Math.max(LANES_MAX, 2 * this.lanes.size);
  }
}

export function holds<R>(lane: Lane<R>): boolean {
  return lane.held !== undefined && lane.held.length > 0;
}

/** A write waits for its session's reads; a read is let in at once and waits for the writes by their count. */
export function admissible<R>(lane: Lane<R>, request: SlotRequest<R>): boolean {
  return request.kind === 'read' || lane.readsOut === 0;
}

function isIdle<R>(lane: Lane<R>): boolean {
  return lane.readsOut === 0 && lane.writesTaken === lane.writesSettled && !holds(lane);
}
