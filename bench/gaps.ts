/**
 * The gaps that one fault after another leaves between acknowledged writes, and what they come to.
 *
 * A fault's gap is the longest over the slots whose leader it struck. A slot that has not recovered when patience ends counts with
 * its whole silence, and the report says so.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { waitUntil } from '../jepsen-style/processes.js';
import type { Address } from '../jepsen-style/resp-client.js';
import { GapWriter, type WriterHabits } from '../test/cluster/gap-writer.js';
import { busiestOf, leadersBySlot, settledLeaders, slotsLedBy } from '../test/cluster/leaders.js';
import { distribution, quantile, type Report } from './report.js';

/** Writers must be at their pace, so that a gap has a beginning. */
const WARM_MS = 1500;
const PATIENCE_MS = 30_000;
/** After the last slot answers: a second election soon after the first belongs to the same fault. */
const AFTERMATH_MS = 3000;
const SPEAKS_AGAIN = 5;
const SILENT_MS = 1000;

/** What Gaps needs of a cluster: where clients reach each node, and what it is called among leaders. */
interface Struck {
  readonly addresses: readonly Address[];
  readonly clusterAddresses: readonly string[];
}

type Strike = (node: number) => void | Promise<void>;

export class Gaps {
  private readonly ofFaults: number[] = [];
  private readonly ofSlots: number[] = [];
  private readonly ofOthers: number[] = [];

  constructor(private readonly report: Report) {}

  get p50Ms(): number {
    return quantile(this.ofFaults, 0.5);
  }

  get maxMs(): number {
    return Math.max(...this.ofFaults);
  }

  /**
   * One fault: writers through all nodes but the one that leads most; `strike`, which is given its number; and the gaps of the
   * slots that it led. Resolves with that number, the writers stopped.
   */
  async ofOne(
    cluster: Struck,
    slots: number,
    habits: WriterHabits,
    strike: Strike,
    what: string,
  ): Promise<number> {
    const { addresses, clusterAddresses } = cluster;
    const node = busiestOf(await settledLeaders(addresses[0]!, slots), clusterAddresses);
    const survivors = addresses.filter((_, at) => at !== node - 1);
    const writer = new GapWriter(survivors, slots, habits);
    await sleep(WARM_MS);
    // Once more: those that have moved since are not struck.
    const struck = slotsLedBy(clusterAddresses[node - 1]!, await leadersBySlot(survivors[0]!, slots));
    writer.mark();
    await strike(node);
    await this.observe(writer, struck, `${what}, node-${node}`);
    await writer.stop();
    return node;
  }

  /** From the fault, which has just happened, until every slot in `struck` takes writes again, and a while longer. */
  private async observe(writer: GapWriter, struck: readonly number[], what: string): Promise<void> {
    const struckAt = performance.now();
    // A slot whose leader is gone can still have an acknowledgement on the way: one alone does not count.
    const speaks = (slot: number): boolean =>
      writer.count(slot) >= SPEAKS_AGAIN &&
      performance.now() - struckAt > WARM_MS &&
      writer.silenceMs(slot) < SILENT_MS;
    const isBack = await waitUntil(() => struck.every(speaks), PATIENCE_MS);
    await sleep(AFTERMATH_MS);
    const gaps = struck.map((slot) => writer.longestGapMs(slot));
    this.ofFaults.push(Math.max(...gaps));
    this.ofSlots.push(...gaps);
    const others = Array.from({ length: writer.slotCount }, (_, slot) => slot).filter(
      (slot) => !struck.includes(slot),
    );
    this.ofOthers.push(...others.map((slot) => writer.longestGapMs(slot)));
    const end = isBack ? '' : `; NOT BACK after ${PATIENCE_MS / 1000} s`;
    const longest = Math.max(...gaps).toFixed(0);
    this.report.line(`${what}: ${struck.length} slots, longest gap ${longest} ms${end}`);
    const list = (slots: readonly number[]): string =>
      slots.map((slot) => `${slot} ${writer.longestGapMs(slot).toFixed(0)}`).join(', ');
    this.report.detail(`  gaps by slot: ${list(struck)}; of the others: ${list(others)}`);
    this.report.detail(`  writes not acknowledged: ${writer.failures}`);
  }

  /** `lagMs`: of the process that measured; a gap below it is its own. */
  summarise(lagMs: number): void {
    this.report.line(`gaps of faults: ${distribution(this.ofFaults, 'ms')}`);
    this.report.line(`gaps of the struck slots: ${distribution(this.ofSlots, 'ms')}`);
    this.report.line(`gaps of the other slots: ${distribution(this.ofOthers, 'ms')}`);
    this.report.line(`the clients' own event loop stood still for at most ${lagMs.toFixed(0)} ms`);
  }
}
