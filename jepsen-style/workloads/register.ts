/**
 * Many small registers, each shared by five clients on different nodes, and each left alone after some 300
 * operations: the search for a linearization is exponential in width and in unknown outcomes, not in keys.
 *
 * Every value is written once, so that a read names its write. A key that faults hit often is left earlier:
 * each unknown outcome counts as several operations.
 */
import { checkRegisters } from '../checkers/register.js';
import type { History } from '../history.js';
import { integerReply, okReply, type PinnedClient, type Request, readRequest } from '../pinned-client.js';
import type { CheckResult } from '../report.js';
import { clientOf, type Workload, type WorkloadContext } from './workload.js';

const CLIENTS_A_KEY = 5;
const OPERATIONS_A_KEY_MAX = 300;
const COST_OF_UNKNOWN = 15;

/** What five clients share: the key of the moment. */
interface Group {
  key: string;
  cost: number;
}

export class RegisterWorkload implements Workload {
  readonly name = 'register';
  private readonly written: string[] = [];
  private readonly groups: Group[] = [];
  private values = 0;

  /** A pipeline, each lane on a key of its own: one client never has two operations on one key under way. */
  constructor(private readonly lanesAClient = 4) {}

  async drive(context: WorkloadContext, isOver: () => boolean): Promise<void> {
    const teams: Group[][] = [];
    const clients = Array.from({ length: context.clients }, (_, index) => {
      if (index % CLIENTS_A_KEY === 0) {
        teams.push(Array.from({ length: this.lanesAClient }, () => this.newGroup(context)));
      }
      return this.driveClient(context, teams.at(-1)!, 1 + (index % context.nodes.length), isOver);
    });
    await Promise.all(clients);
  }

  keys(): readonly string[] {
    return this.written;
  }

  /** What the clients work on at this moment. */
  activeKeys(): readonly string[] {
    return this.groups.map(({ key }) => key);
  }

  judge(history: History): CheckResult[] {
    return checkRegisters(history.operations);
  }

  private newGroup(context: WorkloadContext): Group {
    const group = { key: '', cost: 0 };
    this.rotate(context, group);
    this.groups.push(group);
    return group;
  }

  private rotate(context: WorkloadContext, group: Group): void {
    // Numbers alone would fall into a few slots at a time.
    group.key = `${context.prefix}:register:${this.written.length}:${context.random.below(1e6)}`;
    group.cost = 0;
    this.written.push(group.key);
  }

  private async driveClient(
    context: WorkloadContext,
    groups: readonly Group[],
    node: number,
    isOver: () => boolean,
  ): Promise<void> {
    const client = clientOf(context, node);
    await Promise.all(groups.map((group) => this.driveLane(context, client, group, isOver)));
    client.close();
  }

  private async driveLane(
    context: WorkloadContext,
    client: PinnedClient,
    group: Group,
    isOver: () => boolean,
  ): Promise<void> {
    const lane = client.lane();
    while (!isOver()) {
      if (group.cost >= OPERATIONS_A_KEY_MAX) this.rotate(context, group);
      group.cost++;
      const { kind } = await client.perform(lane, this.nextRequest(context, group.key));
      if (kind === 'unreachable') group.cost--;
      if (kind === 'unknown') group.cost += COST_OF_UNKNOWN;
    }
  }

  private nextRequest(context: WorkloadContext, key: string): Request {
    const die = context.random.below(20);
    if (die < 10) return readRequest(key);
    if (die < 12) return { f: 'delete', key, value: null, args: ['DEL', key], valueOf: integerReply };
    const value = `v${this.values++}`;
    return { f: 'write', key, value, args: ['SET', key, value], valueOf: okReply };
  }
}
