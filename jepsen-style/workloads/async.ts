/**
 * An async table under the loss of its leaders: words pushed to lists, each once, so that the answer names its place.
 *
 * At each node somebody beside the clients pushes to a list of its own, and asks by WAIT after each word whether a majority has it.
 *
 * The table is made by the harness. While it runs, nodes are asked now and then what they count as cut: the figure is that of
 * one process's life, so each life's last one is added up. In the end every node reads every list from its own replica.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { checkAsyncLog, type FinalLists } from '../checkers/async-log.js';
import type { History } from '../history.js';
import { integerReply, type PinnedClient, type Request } from '../pinned-client.js';
import { type CheckResult, fail } from '../report.js';
import { RespClient } from '../resp-client.js';
import type { RespReply } from '../resp-parser.js';
import { clientOf, type Workload, type WorkloadContext } from './workload.js';

const LANES_A_CLIENT = 4;
const LISTS = 8;
/** Then it is left, and a new one is begun. */
const PUSHES_A_LIST = 400;
const SAMPLE_EVERY_MS = 100;
/** A node that came back counts what it lost when its group has a leader again. */
const READ_MS_MAX = 60_000;
const RETRY_MS = 200;
const WAIT_MS = 1000;
/** So that its list stays one that is read at once. */
const CONFIRMED_EVERY_MS = 20;

export class AsyncWorkload implements Workload {
  readonly name = 'async';
  readonly table = { name: 'quick', slots: 8 };
  private readonly lists: string[] = [];
  private readonly active: { key: string; pushes: number }[] = [];
  private words = 0;
  /** Writes cut, by `node/process id`. */
  private readonly counts = new Map<string, number>();
  private final: FinalLists | undefined;

  async drive(context: WorkloadContext, isOver: () => boolean): Promise<void> {
    for (let i = 0; i < LISTS; i++) this.active.push(this.begin(context));
    const clients = Array.from({ length: context.clients }, (_, index) =>
      this.driveClient(context, 1 + (index % context.nodes.length), isOver),
    );
    await Promise.all([
      ...clients,
      ...context.nodes.map((_, index) => this.sample(context, index + 1, isOver)),
      ...context.nodes.map((_, index) => this.confirm(context, index + 1, isOver)),
    ]);
  }

  /** Not strings: they are read back by `conclude`. */
  keys(): readonly string[] {
    return [];
  }

  async conclude(context: WorkloadContext): Promise<CheckResult[]> {
    const deadlineMs = performance.now() + READ_MS_MAX;
    const byNode = new Map<number, ReadonlyMap<string, readonly string[]>>();
    for (let node = 1; node <= context.nodes.length; node++) {
      const lists = await this.readAll(context, node, deadlineMs);
      if (lists === undefined) return [fail('read-back', `node ${node} never answered for every list`)];
      byNode.set(node, lists);
    }
    for (let node = 1; node <= context.nodes.length; node++) await this.look(context, node);
    this.final = { byNode, counted: [...this.counts.values()].reduce((sum, count) => sum + count, 0) };
    return [];
  }

  judge(history: History): CheckResult[] {
    return checkAsyncLog(history.operations, this.final ?? { byNode: new Map(), counted: 0 });
  }

  private begin({ prefix, random }: WorkloadContext): { key: string; pushes: number } {
    const key = `${prefix}:async:${this.lists.length}:${random.below(1e6)}`;
    this.lists.push(key);
    return { key, pushes: 0 };
  }

  private async driveClient(context: WorkloadContext, node: number, isOver: () => boolean): Promise<void> {
    const client = clientOf(context, node, this.table.name);
    await Promise.all(Array.from({ length: LANES_A_CLIENT }, () => this.driveLane(context, client, isOver)));
    client.close();
  }

  private async driveLane(
    context: WorkloadContext,
    client: PinnedClient,
    isOver: () => boolean,
  ): Promise<void> {
    const lane = client.lane();
    while (!isOver()) await client.perform(lane, this.nextRequest(context));
  }

  /** WAIT speaks of a connection's last write: so one connection, one list, and both commands in one pipeline. */
  private async confirm(context: WorkloadContext, node: number, isOver: () => boolean): Promise<void> {
    const client = clientOf(context, node, this.table.name);
    const [pusher, waiter] = [client.lane(), client.lane()];
    const { key } = this.begin(context);
    const others = String(Math.floor(context.nodes.length / 2));
    while (!isOver()) {
      const push = this.pushOf(key);
      const args = ['WAIT', others, String(WAIT_MS)];
      const wait = { f: 'wait', key, value: push.value, args, valueOf: integerReply };
      await Promise.all([client.perform(pusher, push), client.perform(waiter, wait)]);
      await sleep(CONFIRMED_EVERY_MS);
    }
    client.close();
  }

  private nextRequest(context: WorkloadContext): Request {
    const at = context.random.below(LISTS);
    if (this.active[at]!.pushes++ >= PUSHES_A_LIST) this.active[at] = this.begin(context);
    return this.pushOf(this.active[at]!.key);
  }

  private pushOf(key: string): Request {
    const value = `w${this.words++}`;
    return { f: 'push', key, value, args: ['RPUSH', key, value], valueOf: integerReply };
  }

  private async sample(context: WorkloadContext, node: number, isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      await this.look(context, node);
      await sleep(SAMPLE_EVERY_MS);
    }
  }

  /** A node that is down has told all that it will tell. */
  private async look(context: WorkloadContext, node: number): Promise<void> {
    const text = await ask(context, node, ['INFO', 'server', 'async']);
    if (text?.kind !== 'bulk') return;
    const field = (name: string): string =>
      new RegExp(`^${name}:(\\d+)\\r$`, 'm').exec(text.text)?.[1] ?? '0';
    this.counts.set(`${node}/${field('process_id')}`, Number(field('async_writes_cut')));
  }

  private async readAll(
    context: WorkloadContext,
    node: number,
    deadlineMs: number,
  ): Promise<ReadonlyMap<string, readonly string[]> | undefined> {
    const lists = new Map<string, readonly string[]>();
    while (lists.size < this.lists.length) {
      if (performance.now() > deadlineMs) return undefined;
      const left = this.lists.filter((key) => !lists.has(key));
      await this.readSome(context, node, left, lists).catch(() => {});
      if (lists.size < this.lists.length) await sleep(RETRY_MS);
    }
    return lists;
  }

  /** From the node's own replica where it can; what is not answered is left out. */
  private async readSome(
    { nodes, timeoutMs }: WorkloadContext,
    node: number,
    keys: readonly string[],
    lists: Map<string, readonly string[]>,
  ): Promise<void> {
    const client = await RespClient.connect(nodes[node - 1]!, timeoutMs);
    const begun = await Promise.all([client.call('SELECT', this.table.name), client.call('READONLY')]);
    for (const key of begun.every(({ kind }) => kind === 'ok') ? keys : []) {
      const outcome = await client.call('LRANGE', key, '0', '-1');
      if (outcome.kind !== 'ok' || outcome.reply.kind !== 'array') break;
      const { items } = outcome.reply;
      lists.set(
        key,
        items.map((item) => (item.kind === 'bulk' ? item.text : '')),
      );
    }
    client.close();
  }
}

/** undefined: no answer. */
async function ask(
  { nodes, timeoutMs }: WorkloadContext,
  node: number,
  args: readonly string[],
): Promise<RespReply | undefined> {
  try {
    const client = await RespClient.connect(nodes[node - 1]!, timeoutMs);
    const outcome = await client.call(...args);
    client.close();
    return outcome.kind === 'ok' ? outcome.reply : undefined;
  } catch {
    return undefined;
  }
}
