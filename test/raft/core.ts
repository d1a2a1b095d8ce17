/** A lone core, and the messages that a test plays to it itself. */
import type { Entry, Message } from '../../src/raft/message.js';
import { Raft } from '../../src/raft/raft.js';
import type { RaftOptions } from '../../src/raft/ready.js';
import { seededRandom } from '../../src/random.js';
import { plain, testSettings } from './network.js';

export const noChange = { add: [], addLearners: [], remove: [], transition: 'auto' } as const;

export function entry(index: number, term: number, text = ''): Entry {
  return { index, term, kind: text === '' ? 'empty' : 'command', data: Buffer.from(text) };
}

/** A lone core whose messages the test plays itself. */
export function core(
  options: Partial<RaftOptions> = {},
  entries: readonly Entry[] = [],
  voters = [1, 2, 3],
): Raft {
  const terms: { from: number; term: number }[] = [];
  for (const { index, term } of entries) if (terms.at(-1)?.term !== term) terms.push({ from: index, term });
  return new Raft({
    id: 1,
    configuration: plain(voters),
    hardState: { term: entries.at(-1)?.term ?? 0, votedFor: 0, commit: 0 },
    log: { compactedIndex: 0, compactedTerm: 0, terms, lastIndex: entries.length, entries },
    appliedIndex: 0,
    restarted: false,
    nowMs: 0,
    random: seededRandom(7),
    settings: testSettings,
    ...options,
  });
}

export function append(
  entries: readonly Entry[],
  previous: readonly [number, number],
  commit: number,
  term = 1,
): Message {
  const [previousIndex, previousTerm] = previous;
  return { kind: 'append', from: 2, to: 1, term, previousIndex, previousTerm, commit, entries };
}

export function vote(
  from: number,
  term: number,
  last: readonly [number, number],
  extra: object = {},
): Message {
  return {
    kind: 'vote',
    from,
    to: 1,
    term,
    lastIndex: last[0],
    lastTerm: last[1],
    transfer: false,
    ...extra,
  };
}
