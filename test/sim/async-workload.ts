/**
 * What clients ask of an async table: unique words in writes of every shape, so that of each one it can be told whether it was lost.
 *
 * Nothing is judged by the replies: what an async table loses with a leader, and only then, is checks/cut-writes.ts' to say.
 */
import type { Random } from '../../src/random.js';
import type { Reply } from '../../src/resp/reply.js';
import type { Fate } from './history.js';
import type { Command } from './workload.js';

export const ASYNC_TABLE = 'quick';

export interface AsyncSettings {
  readonly slots: number;
  readonly replicas: number;
  readonly keys: number;
  readonly flushes: boolean;
}

const LIST_ITEM_BYTES = 1400;
const TTL_MS_MAX = 500;
const WAIT_MS_MAX = 300;

export class AsyncWorkload {
  made = 0;
  private unique = 0;

  constructor(
    private readonly settings: AsyncSettings,
    private readonly random: Random,
    private readonly settled: (words: readonly string[], fate: Fate) => void,
  ) {}

  next(): Command {
    this.made++;
    const dice = this.random.below(40);
    if (dice < 12) return this.write('SET', this.key('reg'), this.word());
    if (dice < 18) return this.write('APPEND', this.key('log'), this.word());
    if (dice < 21) return this.write('RPUSH', this.key('list'), this.word().padEnd(LIST_ITEM_BYTES, '.'));
    if (dice < 24)
      return this.write('SET', this.key('ttl'), this.word(), 'PX', `${1 + this.random.below(TTL_MS_MAX)}`);
    if (dice < 27) return this.write('MSET', this.key('reg'), this.word(), this.key('reg'), this.word());
    if (dice < 30) return this.write('INCR', this.key('count'));
    if (dice < 32) return this.write('DEL', this.key('reg'), this.key('list'));
    if (dice < 34) return this.wait();
    if (dice === 34 && this.settings.flushes) return this.write('FLUSHDB');
    return this.write('GET', this.key('reg'));
  }

  /** A write to a key of its own, by which a slot shows that it goes on. */
  set(key: string, done: () => void): Command {
    const command = this.write('SET', key, this.word());
    return {
      argv: command.argv,
      settle: (fate, reply) => {
        command.settle(fate, reply);
        if (fate === 'done') done();
      },
    };
  }

  private write(...argv: readonly string[]): Command {
    const words = argv.slice(1).filter((argument) => WORD.test(argument));
    return {
      argv,
      settle: (fate) =>
        this.settled(
          words.map((word) => wordOf(word)!),
          fate,
        ),
    };
  }

  private wait(): Command {
    const others = this.random.below(this.settings.replicas);
    const argv = ['WAIT', String(others), String(1 + this.random.below(WAIT_MS_MAX))];
    const settle = (fate: Fate, reply: Reply | undefined): void => {
      if (fate === 'done' && reply?.kind !== 'integer') throw new Error(`WAIT answered ${reply?.kind}`);
    };
    return { argv, settle };
  }

  private key(kind: string): string {
    return `quick-${kind}${this.random.below(this.settings.keys)}`;
  }

  private word(): string {
    return `x${++this.unique};`;
  }
}

const WORD = /^(x\d+);\.*$/;

/** The unique word in an argument, if it is one. */
export function wordOf(argument: string): string | undefined {
  return WORD.exec(argument)?.[1];
}
