/**
 * The register workload, with readers who never wait: they go on sending while a node sleeps, so that it finds their reads in its
 * sockets the moment it wakes, before it has heard from anybody that it leads no more.
 *
 * Each read under way is a process of its own, on one connection a node. Pure reads cost the search for a linearization next
 * to nothing, however many there are.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { checkWakeReads } from '../checkers/wake-reads.js';
import type { History } from '../history.js';
import { type Lane, PinnedClient, readRequest } from '../pinned-client.js';
import type { CheckResult } from '../report.js';
import { RegisterWorkload } from './register.js';
import type { Workload, WorkloadContext } from './workload.js';

const READ_EVERY_MS = 8;
const READS_UNDER_WAY_MAX = 1000;
/** In place of a pipeline, in which one write that waits for the sleeper would hold up the replies of all others. */
const WRITERS_A_CLIENT = 4;
/** A writer stuck behind the sleeper goes on elsewhere long before it wakes, or nothing would be overwritten meanwhile. */
const WRITER_PATIENCE_MS = 700;
/** Longer than any sleep: a reader who gave up would take its reads along. */
const PATIENCE_MS = 15_000;

export class WakeReadWorkload implements Workload {
  readonly name = 'wake-read';
  private readonly registers = new RegisterWorkload(1);

  async drive(context: WorkloadContext, isOver: () => boolean): Promise<void> {
    const readers = context.nodes.map((_, index) => this.read(context, index + 1, isOver));
    const clients = context.clients * WRITERS_A_CLIENT;
    const writers = { ...context, clients, timeoutMs: Math.min(context.timeoutMs, WRITER_PATIENCE_MS) };
    await Promise.all([this.registers.drive(writers, isOver), ...readers]);
  }

  keys(): readonly string[] {
    return this.registers.keys();
  }

  judge(history: History): CheckResult[] {
    return [...this.registers.judge(history), ...checkWakeReads(history)];
  }

  private async read(context: WorkloadContext, node: number, isOver: () => boolean): Promise<void> {
    const { recorder, nodes, onAnomaly, random } = context;
    const client = new PinnedClient(recorder, node, nodes[node - 1]!, PATIENCE_MS, onAnomaly);
    const free: Lane[] = [];
    const underWay = new Set<Promise<void>>();
    while (!isOver()) {
      const keys = this.registers.activeKeys();
      if (underWay.size < READS_UNDER_WAY_MAX && keys.length > 0) {
        const lane = free.pop() ?? client.lane();
        const reading = client.perform(lane, readRequest(keys[random.below(keys.length)]!)).then(() => {
          free.push(lane);
          underWay.delete(reading);
        });
        underWay.add(reading);
      }
      await sleep(READ_EVERY_MS);
    }
    await Promise.all(underWay);
    client.close();
  }
}
