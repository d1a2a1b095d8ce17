/**
 * What the clients of a simulated run did and saw, in one total order, split by the object that it concerns.
 *
 * An operation of unknown fate keeps an infinite end; one that was definitely refused is taken out, so that a check which then
 * finds its effect has caught a refusal that lied.
 */
import type { Action } from './checks/key-model.js';

export interface Recorded {
  action: Action;
  start: number;
  end: number;
  label: string;
}

/** How a command ended for its client. */
export type Fate = 'done' | 'refused' | 'unknown';

export class History {
  readonly keys = new Map<string, Recorded[]>();
  private sequence = 0;

  /** The next place in the total order. */
  next(): number {
    return ++this.sequence;
  }

  begin(key: string, action: Action, label: string): Recorded {
    const recorded = { action, start: this.next(), end: Infinity, label };
    const list = this.keys.get(key);
    if (list === undefined) this.keys.set(key, [recorded]);
    else list.push(recorded);
    return recorded;
  }

  settle(key: string, recorded: Recorded, fate: Fate, action: Action = recorded.action): void {
    if (fate === 'done') {
      recorded.action = action;
      recorded.end = this.next();
    } else if (fate === 'refused') {
      const list = this.keys.get(key)!;
      list.splice(list.indexOf(recorded), 1);
    }
  }

  get operations(): number {
    let count = 0;
    for (const list of this.keys.values()) count += list.length;
    return count;
  }
}
