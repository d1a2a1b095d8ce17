/** Short hands for histories written down by hand. */
import {
  type History,
  type HistoryEvent,
  historyOf,
  NEMESIS_PROCESS,
  type Value,
} from '../../jepsen-style/history.js';

type Type = HistoryEvent['type'];

/** One event, its `seq` given by its place in `history`. */
export type Line = readonly [
  process: number,
  type: Type,
  f: string,
  key: string,
  value: Value,
  node?: number,
];

export function history(...lines: readonly Line[]): History {
  return historyOf(
    lines.map(([process, type, f, key, value, node = 1], seq) => ({
      seq,
      process,
      type,
      f,
      key,
      value,
      t: seq,
      node,
    })),
  );
}

export const strike: Line = [NEMESIS_PROCESS, 'info', 'strike', '', 'kill-leader node-1'];
