/**
 * The metadata store of the simulated world: one shared map with revisions, and a connection for each PM that can be slow, cut,
 * or lose the answer to a transaction that happened. Leases run on the world's clock. The same contract test examines it as
 * the real ones.
 */
import type { Env, Timer } from '../../src/env.js';
import { RevisionedMap } from '../../src/pm/revisioned-map.js';
import {
  type Campaign,
  type CampaignHandlers,
  LEADER_KEY,
  type MetadataStore,
  type StoreChange,
  type StoreCompare,
  StoreError,
  type StoreRecord,
  type StoreView,
  type StoreWrite,
  type TxnResult,
  type Watch,
  type WatchHandlers,
} from '../../src/pm/store.js';
import { WatchList } from '../../src/pm/watch-list.js';

export interface SimMetadataOptions {
  /** One way, at most; drawn anew for each message. */
  readonly delayMaxMs?: number;
  readonly leaseMs?: number;
}

export class SimMetadata {
  readonly map = new RevisionedMap();
  readonly delayMaxMs: number;
  readonly leaseMs: number;
  private readonly connections = new Set<SimMetadataStore>();
  private holder: SimMetadataStore | undefined;
  private expiry: Timer | undefined;

  constructor(
    private readonly env: Env,
    options: SimMetadataOptions = {},
  ) {
    this.delayMaxMs = options.delayMaxMs ?? 2;
    this.leaseMs = options.leaseMs ?? 3000;
  }

  /** A PM's end. `env` is the PM's own: what a dead PM would have run never runs. */
  connect(env: Env): SimMetadataStore {
    const connection = new SimMetadataStore(this, env);
    this.connections.add(connection);
    return connection;
  }

  run(compares: readonly StoreCompare[], writes: readonly StoreWrite[]): TxnResult {
    if (!this.map.holds(compares)) return { kind: 'conflict' };
    const changes = this.map.plan(writes);
    this.map.apply(changes);
    for (const connection of this.connections) connection.tell(changes);
    return { kind: 'committed', revision: this.map.revision };
  }

  /** Takes the leader's key for `connection` if it is free; its revision, or undefined. */
  elect(connection: SimMetadataStore, candidate: string): number | undefined {
    const result = this.run(
      [{ key: LEADER_KEY, revision: 0 }],
      [{ kind: 'put', key: LEADER_KEY, value: candidate }],
    );
    if (result.kind === 'conflict') return undefined;
    this.holder = connection;
    this.renew(connection);
    return result.revision;
  }

  renew(connection: SimMetadataStore): void {
    if (this.holder !== connection) return;
    this.expiry?.cancel();
    this.expiry = this.env.after(this.leaseMs, () => this.release(connection));
  }

  release(connection: SimMetadataStore): void {
    if (this.holder !== connection) return;
    this.holder = undefined;
    this.expiry?.cancel();
    this.run([], [{ kind: 'delete', key: LEADER_KEY }]);
  }

  /** The connection's process is gone: its lease is left to run out. */
  disconnect(connection: SimMetadataStore): void {
    this.connections.delete(connection);
  }
}

export class SimMetadataStore implements MetadataStore {
  private readonly watches: WatchList;
  private reachable = true;
  private answersToLose = 0;
  private standing: SimCampaign | undefined;

  constructor(
    private readonly world: SimMetadata,
    readonly env: Env,
  ) {
    this.watches = new WatchList(env);
  }

  setReachable(reachable: boolean): void {
    const isBack = reachable && !this.reachable;
    this.reachable = reachable;
    if (isBack) this.watches.restart((prefix) => this.world.map.list(prefix));
  }

  get isReachable(): boolean {
    return this.reachable;
  }

  /** The next transaction happens, or is refused, and its sender never learns. */
  loseNextAnswer(): void {
    this.answersToLose += 1;
  }

  tell(changes: readonly StoreChange[]): void {
    if (this.reachable) this.watches.tell(changes);
  }

  get(key: string): Promise<StoreRecord | undefined> {
    return this.ask(() => this.world.map.get(key));
  }

  list(prefix: string): Promise<StoreView> {
    return this.ask(() => this.world.map.list(prefix));
  }

  txn(compares: readonly StoreCompare[], writes: readonly StoreWrite[]): Promise<TxnResult> {
    const isLost = this.answersToLose > 0;
    if (isLost) this.answersToLose -= 1;
    return this.ask(() => {
      const result = this.world.run(compares, writes);
      if (isLost) throw new StoreError('the answer was lost');
      return result;
    });
  }

  watch(prefix: string, handlers: WatchHandlers): Watch {
    return this.watches.add(prefix, this.world.map.list(prefix), handlers);
  }

  campaign(candidate: string, handlers: CampaignHandlers): Campaign {
    this.standing = new SimCampaign(this.world, this, candidate, handlers);
    return this.standing;
  }

  async close(): Promise<void> {
    this.watches.clear();
    this.standing?.stop();
    this.world.disconnect(this);
  }

  /** There and back, each way with its own delay; a cut on either way loses the answer. */
  private async ask<T>(run: () => T): Promise<T> {
    await this.delay();
    if (!this.reachable) throw new StoreError('the store is out of reach');
    const answer = run();
    await this.delay();
    if (!this.reachable) throw new StoreError('the store went out of reach');
    return answer;
  }

  private delay(): Promise<void> {
    const delayMs = this.env.random.float() * this.world.delayMaxMs;
    return new Promise((resolve) => this.env.after(delayMs, resolve));
  }
}

class SimCampaign implements Campaign {
  private readonly watch: Watch;
  private timer: Timer | undefined;
  private electedRevision: number | undefined;
  private renewedMs = 0;
  private stopped = false;

  constructor(
    private readonly world: SimMetadata,
    private readonly store: SimMetadataStore,
    private readonly candidate: string,
    private readonly handlers: CampaignHandlers,
  ) {
    this.watch = store.watch(LEADER_KEY, {
      onSnapshot: (view) => handlers.onLeader(view.records[0]?.value),
      onChanges: (changes) => {
        const last = changes.at(-1)!;
        handlers.onLeader(last.kind === 'put' ? last.record.value : undefined);
      },
    });
    this.arm(0);
  }

  async resign(): Promise<void> {
    this.stop();
    if (this.electedRevision !== undefined && this.store.isReachable) this.world.release(this.store);
    this.electedRevision = undefined;
  }

  stop(): void {
    this.stopped = true;
    this.watch.close();
    this.timer?.cancel();
  }

  private arm(delayMs: number): void {
    this.timer = this.store.env.after(delayMs, () => {
      if (this.stopped) return;
      this.arm(this.world.leaseMs / 6);
      if (this.electedRevision === undefined) this.attempt();
      else this.keep(this.electedRevision);
    });
  }

  private attempt(): void {
    if (!this.store.isReachable) return;
    const revision = this.world.elect(this.store, this.candidate);
    if (revision === undefined) return;
    this.electedRevision = revision;
    this.renewedMs = this.store.env.monotonicMs();
    this.handlers.onElected({ key: LEADER_KEY, revision });
  }

  private keep(revision: number): void {
    const { env } = this.store;
    const isOurs = this.world.map.get(LEADER_KEY)?.revision === revision;
    if (this.store.isReachable && isOurs) {
      this.world.renew(this.store);
      this.renewedMs = env.monotonicMs();
    } else if (this.store.isReachable || env.monotonicMs() - this.renewedMs > this.world.leaseMs) {
      this.electedRevision = undefined;
      this.handlers.onLost('the lease ran out');
    }
  }
}
