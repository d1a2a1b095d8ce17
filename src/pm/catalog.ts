/**
 * PM's image of its metadata, and the one road by which it changes.
 *
 * Every PM follows the store by a watch; the one that leads also writes. A commit compares the cluster record's revision
 * and the leader's key, so of two that believe to lead only one can write, and what it computed from is what is there.
 * After a conflict or an unknown outcome the store is read back: our `commitId` in the cluster record says that it happened.
 *
 * Commits run one after another. The image only moves forward, by revision; it is served on while the store is away.
 */
import type { Env } from '../env.js';
import { PmError } from './errors.js';
import {
  applyChange,
  type Change,
  CLUSTER_KEY,
  type ClusterRecord,
  decodeState,
  firstCluster,
  METADATA_PREFIX,
  type State,
  writesOf,
} from './model.js';
import {
  type MetadataStore,
  type StoreChange,
  type StoreCompare,
  StoreError,
  type StoreRecord,
  type StoreView,
  type Watch,
} from './store.js';

export interface CatalogOptions {
  readonly store: MetadataStore;
  readonly env: Env;
  /** What proves that we lead; undefined: we do not. */
  fence(): StoreCompare | undefined;
  /** After every change of the state, whoever made it. */
  onState(state: State): void;
}

const COMMIT_ATTEMPTS_MAX = 5;

export class Catalog {
  private readonly records = new Map<string, StoreRecord>();
  private revision = 0;
  private current: State | undefined;
  private tail: Promise<unknown> = Promise.resolve();
  private readonly watch: Watch;

  constructor(private readonly options: CatalogOptions) {
    this.watch = options.store.watch(METADATA_PREFIX, {
      onSnapshot: (view) => this.takeView(view),
      onChanges: (changes) => this.takeChanges(changes),
    });
  }

  /** Undefined until the store was reached and some PM has led once. */
  get state(): State | undefined {
    return this.current;
  }

  close(): void {
    this.watch.close();
  }

  /** On election: the image becomes at least as new as the last write of any former leader; a new cluster is named. */
  begin(): Promise<void> {
    return this.enqueue(async () => {
      await this.reload();
      if (this.current === undefined) await this.found();
    });
  }

  /**
   * `decide` sees the newest state and answers the change, or undefined when there is nothing to do; it may run again after a
   * conflict. Resolves with the state after it. UNAVAILABLE says when the change may have happened.
   */
  commit(decide: (state: State) => Change | undefined): Promise<State> {
    return this.enqueue(async () => {
      for (let attempt = 0; attempt < COMMIT_ATTEMPTS_MAX; attempt++) {
        const done = await this.tryCommit(decide);
        if (done) return done;
      }
      throw new PmError('UNAVAILABLE', 'nothing was changed: the metadata changes under us all the time');
    });
  }

  private enqueue<T>(run: () => Promise<T>): Promise<T> {
    const result = this.tail.then(run);
    this.tail = result.catch(() => undefined);
    return result;
  }

  private async tryCommit(decide: (state: State) => Change | undefined): Promise<State | undefined> {
    const fence = this.options.fence();
    if (fence === undefined) throw new PmError('UNAVAILABLE', 'nothing was changed: this PM does not lead');
    const state = this.current;
    if (state === undefined) throw new PmError('UNAVAILABLE', 'nothing was changed: metadata not read yet');
    const change = decide(state);
    if (change === undefined) return state;
    const cluster: ClusterRecord = {
      ...state.cluster,
      ...change.cluster,
      epoch: state.cluster.epoch + 1,
      commitId: this.newId(),
    };
    return this.write(cluster, change, fence, applyChange(state, cluster, change));
  }

  private async write(
    cluster: ClusterRecord,
    change: Change,
    fence: StoreCompare,
    after: State,
  ): Promise<State | undefined> {
    const compares = [fence, { key: CLUSTER_KEY, revision: this.records.get(CLUSTER_KEY)?.revision ?? 0 }];
    const writes = writesOf(cluster, change);
    try {
      const result = await this.options.store.txn(compares, writes);
      if (result.kind === 'committed') {
        this.takeOwnWrites(result.revision, writes, after);
        return after;
      }
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.options.env.log.warn('outcome of a metadata write unknown, reading back', { why: error.message });
    }
    return this.readBack(cluster.commitId);
  }

  /** The state when our write turns out to have happened, undefined when it has not. */
  private async readBack(commitId: string): Promise<State | undefined> {
    try {
      await this.reload();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new PmError('UNAVAILABLE', `outcome unknown, the change may have happened or may yet: ${why}`);
    }
    return this.current?.cluster.commitId === commitId ? this.current : undefined;
  }

  private takeOwnWrites(revision: number, writes: ReturnType<typeof writesOf>, after: State): void {
    // The watch may have told already, or even something newer.
    if (revision <= this.revision) return;
    for (const write of writes) {
      if (write.kind === 'put') this.records.set(write.key, { key: write.key, value: write.value, revision });
      else this.records.delete(write.key);
    }
    this.revision = revision;
    this.publish(after);
  }

  private async found(): Promise<void> {
    const fence = this.options.fence();
    if (fence === undefined) return;
    const value = JSON.stringify(firstCluster(this.newId()));
    await this.options.store.txn(
      [fence, { key: CLUSTER_KEY, revision: 0 }],
      [{ kind: 'put', key: CLUSTER_KEY, value }],
    );
    await this.reload();
  }

  private async reload(): Promise<void> {
    this.takeView(await this.options.store.list(METADATA_PREFIX));
  }

  private takeView(view: StoreView): void {
    if (view.revision < this.revision) return;
    this.records.clear();
    for (const record of view.records) this.records.set(record.key, record);
    this.revision = view.revision;
    this.rebuild();
  }

  private takeChanges(changes: readonly StoreChange[]): void {
    // Only what is newer than the image: a transaction is told whole, so its changes are all new or all old.
    const known = this.revision;
    for (const change of changes) {
      const revision = change.kind === 'put' ? change.record.revision : change.revision;
      if (revision <= known) continue;
      if (change.kind === 'put') this.records.set(change.record.key, change.record);
      else this.records.delete(change.key);
      this.revision = Math.max(this.revision, revision);
    }
    if (this.revision > known) this.rebuild();
  }

  private rebuild(): void {
    const state = decodeState([...this.records.values()]);
    if (state) this.publish(state);
  }

  private publish(state: State): void {
    const unchanged = this.current?.cluster.commitId === state.cluster.commitId && this.current !== undefined;
    if (unchanged && this.current?.cluster.epoch === state.cluster.epoch) return;
    this.current = state;
    this.options.onState(state);
  }

  /** 128 bits, so that no two clusters and no two commits share one. */
  private newId(): string {
    const word = (): string => this.options.env.random.u32().toString(16).padStart(8, '0');
    return word() + word() + word() + word();
  }
}
