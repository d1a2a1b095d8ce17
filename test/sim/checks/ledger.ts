/**
 * The clients' writes and the log, held against each other by the unique words that writes carry.
 *
 * An acknowledged write is in the log, committed and applied, when its answer reaches the client. A write is in the log once at most:
 * nothing is tried again that may have been logged. One that was refused is never in it.
 */
import type { CommandEntry } from '../../../src/slot/entry.js';
import type { Fate } from '../history.js';
import type { Tell } from './tell.js';

/** As `Workload` makes them: session, dot or dash, number; padding and a semicolon may follow. */
const WORD = /^c\d+s\d+[.-]\d+/;

export class Ledger {
  private readonly logged = new Set<string>();
  private readonly refused = new Set<string>();

  constructor(private readonly tell: Tell) {}

  /** An entry was applied for the first time anywhere. */
  applied(entry: CommandEntry): void {
    for (const { commands } of entry.groups) {
      for (const argv of commands) for (const word of wordsOf(argv.map(latin1))) this.take(word);
    }
  }

  /** A client heard of its command. */
  settled(argv: readonly string[], fate: Fate): void {
    if (fate === 'unknown') return;
    for (const word of wordsOf(argv)) {
      const logged = this.logged.has(word);
      if (fate === 'refused') this.refused.add(word);
      if (fate === 'refused' && logged) this.tell.fail(`${word} was refused, and is in the log`);
      if (fate === 'done' && !logged) this.tell.fail(`${word} was acknowledged, and is not in the log`);
    }
  }

  private take(word: string): void {
    if (this.logged.has(word)) this.tell.fail(`${word} is in the log twice`);
    if (this.refused.has(word)) this.tell.fail(`${word} was refused, and got into the log`);
    this.logged.add(word);
  }
}

/** Of a write's values, not its keys. */
function wordsOf(argv: readonly string[]): ReadonlySet<string> {
  const words = new Set<string>();
  for (const argument of argv.slice(1)) {
    const word = WORD.exec(argument)?.[0];
    if (word !== undefined) words.add(word);
  }
  return words;
}

function latin1(bytes: Buffer): string {
  return bytes.toString('latin1');
}
