/**
 * Volume: unique keys that are written once, and a few counters that everybody increments.
 *
 * Both are judged in linear time, so every operation of a long run counts. Some reads of keys written a moment
 * ago, mostly through another node, look for writes that vanish only for a while.
 */
import { checkCounter } from '../checkers/counter.js';
import { checkSet } from '../checkers/set.js';
import type { History } from '../history.js';
import { integerReply, okReply, type Request, readRequest } from '../pinned-client.js';
import type { CheckResult } from '../report.js';
import { clientOf, type Workload, type WorkloadContext } from './workload.js';

const COUNTERS = 20;
const LANES_A_CLIENT = 4;
/** A read picks among this many of the latest keys. */
const RECENT_KEYS = 200;

export class SetCounterWorkload implements Workload {
  readonly name = 'set-counter';
  private readonly written: string[] = [];
  private readonly counters: string[] = [];

  async drive(context: WorkloadContext, isOver: () => boolean): Promise<void> {
    for (let index = this.counters.length; index < COUNTERS; index++)
      this.counters.push(`${context.prefix}:counter:${index}`);
    const clients = Array.from({ length: context.clients }, (_, index) =>
      this.driveClient(context, 1 + (index % context.nodes.length), isOver),
    );
    await Promise.all(clients);
  }

  keys(): readonly string[] {
    return [...this.written, ...this.counters];
  }

  judge(history: History): CheckResult[] {
    const isCounter = (key: string): boolean => key.includes(':counter:');
    return [
      ...checkSet(history.operations.filter((operation) => !isCounter(operation.key))),
      ...checkCounter(history.operations.filter((operation) => isCounter(operation.key))),
    ];
  }

  private async driveClient(context: WorkloadContext, node: number, isOver: () => boolean): Promise<void> {
    const client = clientOf(context, node);
    const drive = async (): Promise<void> => {
      const lane = client.lane();
      while (!isOver()) await client.perform(lane, this.nextRequest(context));
    };
    await Promise.all(Array.from({ length: LANES_A_CLIENT }, drive));
    client.close();
  }

  private nextRequest({ prefix, random }: WorkloadContext): Request {
    const die = random.below(10);
    if (die < 3) {
      const key = this.counters[random.below(COUNTERS)]!;
      return { f: 'increment', key, value: 1, args: ['INCR', key], valueOf: integerReply };
    }
    if (die === 3 && this.written.length > 0) {
      const back = random.below(Math.min(RECENT_KEYS, this.written.length));
      return readRequest(this.written[this.written.length - 1 - back]!);
    }
    const number = this.written.length;
    const key = `${prefix}:set:${number}`;
    const value = `element ${number}`;
    this.written.push(key);
    return { f: 'write', key, value, args: ['SET', key, value], valueOf: okReply };
  }
}
