/**
 * Applies one entry to a slot's state: a resumable run, because any access may be a page fault.
 *
 * `go` works as far as memory allows and answers what it lacks; after the load it is called again and goes on at the same
 * command, whose effects begin anew. Commands already published stay published: they are done. Everything here depends
 * on the entry and the state alone, so that every replica ends up the same.
 */
import { type Random, seededRandom } from '../random.js';
import { type CommandEntry, type CommandGroup, decodeEntry } from './entry.js';
import { nameOf } from './keys.js';
import type { Argv, StateMachine } from './machine.js';
import type { SlotState } from './state.js';
import { PageFault, type PageNeed, type WriteContext } from './txn.js';
import { RangeCache } from './view.js';
import { type Lives, WriteTxn } from './write-txn.js';

/** Keys that one entry removes because their time has come. Seen by every outcome, so part of the rules. */
const DUE_REMOVED_MAX = 1000;

export class EntryRun<R> {
  readonly entry: CommandEntry;
  /** Replies so far, one list a group. */
  readonly replies: R[][];
  readonly ranges = new RangeCache();
  private phase: 'keys' | 'due' | 'groups' = 'keys';
  private group = 0;
  /** Commands of the current lone group that are done. */
  private command = 0;
  /** Commands of the entry before the current group: the command's position seeds its dice. */
  private before = 0;
  private readonly lives: Lives;
  /** Replies of the current lone group so far. */
  private lone: R[] | undefined;
  /** One for all commands and groups, one after the other. */
  private txn: WriteTxn | undefined;

  constructor(
    private readonly state: SlotState,
    private readonly machine: StateMachine<R>,
    data: Buffer,
    private readonly index: number,
  ) {
    this.entry = decodeEntry(data);
    this.replies = new Array(this.entry.groups.length);
    this.lives = { index, made: 0 };
  }

  /** undefined when the whole entry is applied, else what must be loaded before the next call. */
  go(): readonly PageNeed[] | undefined {
    try {
      if (this.phase === 'keys') this.needKeys();
      if (this.phase === 'due') this.removeDue();
      while (this.group < this.entry.groups.length) this.applyGroup(this.entry.groups[this.group]!);
      return undefined;
    } catch (thrown) {
      if (thrown instanceof PageFault) return thrown.needs;
      throw thrown;
    }
  }

  /** Names all keys of the entry at once, so that cold ones cost one load and not one each. */
  private needKeys(): void {
    this.phase = 'due';
    if (this.state.holdsAll) return;
    const needs: PageNeed[] = [];
    for (const group of this.entry.groups) {
      for (const argv of group.commands) {
        for (const key of this.machine.keys(argv)) {
          if (this.state.find(nameOf(key)) === undefined) needs.push({ kind: 'record', key });
        }
      }
    }
    if (needs.length > 0) throw new PageFault(needs);
  }

  private removeDue(): void {
    const { due, unknown, behind } = this.state.expiry.takeDue(
      this.entry.timeMs,
      DUE_REMOVED_MAX,
      this.state.judgeDue,
    );
    const needs = unknown.map(({ key }): PageNeed => ({ kind: 'record', key }));
    if (behind) needs.push({ kind: 'expiries' });
    if (needs.length > 0) throw new PageFault(needs);
    for (const { key } of due) this.state.publish(nameOf(key), undefined);
    this.phase = 'groups';
  }

  private applyGroup(group: CommandGroup): void {
    const replies = group.kind === 'atomic' ? this.applyAtomic(group) : this.applyLone(group);
    this.replies[this.group] = replies;
    this.before += group.commands.length;
    this.group++;
    this.command = 0;
    this.lone = undefined;
  }

  private applyLone(group: CommandGroup): R[] {
    this.lone ??= new Array<R>(group.commands.length);
    while (this.command < group.commands.length) {
      const txn = this.newTxn();
      const { reply, failed } = this.machine.apply(
        txn,
        group.commands[this.command]!,
        this.context(this.command),
      );
      if (!failed) txn.commit();
      this.lone[this.command++] = reply;
    }
    return this.lone;
  }

  private applyAtomic(group: CommandGroup): R[] {
    const txn = this.newTxn();
    const replies = group.commands.map((argv: Argv, position) => {
      const back = txn.savepoint();
      const { reply, failed } = this.machine.apply(txn, argv, this.context(position));
      if (failed) back();
      return reply;
    });
    txn.commit();
    return replies;
  }

  private newTxn(): WriteTxn {
    this.txn ??= new WriteTxn(this.state, this.entry.timeMs, this.ranges, this.lives);
    this.txn.begin();
    return this.txn;
  }

  private context(position: number): WriteContext {
    return new CommandContext(this.entry, this.index, this.before + position);
  }
}

class CommandContext implements WriteContext {
  private dice: Random | undefined;

  constructor(
    private readonly entry: CommandEntry,
    readonly index: number,
    private readonly position: number,
  ) {}

  get nowMs(): number {
    return this.entry.timeMs;
  }

  /** Made when asked for: most commands roll no dice. */
  get random(): Random {
    const { seedHigh, seedLow } = this.entry;
    this.dice ??= seededRandom(seedHigh, seedLow, this.position);
    return this.dice;
  }
}
