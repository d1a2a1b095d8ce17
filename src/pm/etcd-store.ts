/**
 * The store in etcd, under one prefix. What etcd does to us, and what we do about it:
 *
 *   - It is down or slow: calls reject with StoreError after `callTimeoutMs`; whoever asked decides. Nothing throws out of
 *     an event handler, and nothing stops the process.
 *   - A stream breaks or history is compacted: the watch lists anew and goes on from there (etcd-watch.ts).
 *   - Our lease runs out while etcd is away: leadership is lost, and campaigned for again (etcd-campaign.ts).
 *
 * etcd3 repeats a call whose answer got lost. A repeated transaction then conflicts with its first self, so `conflict`
 * does not prove that nothing happened; the catalog marks its commits and reads back (catalog.ts).
 */
import { Etcd3, type IOptions } from 'etcd3';
import type { Env } from '../env.js';
import { EtcdCampaign } from './etcd-campaign.js';
import { EtcdWatch } from './etcd-watch.js';
import {
  type Campaign,
  type CampaignHandlers,
  type MetadataStore,
  type StoreCompare,
  StoreError,
  type StoreRecord,
  type StoreView,
  type StoreWrite,
  type TxnResult,
  type Watch,
  type WatchHandlers,
} from './store.js';

export interface EtcdStoreOptions {
  /** `host:port` or `https://host:port`. */
  readonly hosts: readonly string[];
  /** Before every key, e.g. `/talus/`. */
  readonly prefix: string;
  readonly env: Env;
  readonly callTimeoutMs?: number;
  /** How long a dead leader keeps its key. At least 2. */
  readonly leaseSeconds?: number;
  readonly username?: string;
  readonly password?: string;
}

export class EtcdStore implements MetadataStore {
  private readonly client: Etcd3;
  private readonly env: Env;
  private readonly prefix: string;
  private readonly leaseSeconds: number;
  private readonly watches = new Set<EtcdWatch>();

  constructor(options: EtcdStoreOptions) {
    this.env = options.env;
    this.prefix = options.prefix;
    this.leaseSeconds = options.leaseSeconds ?? 5;
    this.client = new Etcd3(clientOptions(options));
  }

  async get(key: string): Promise<StoreRecord | undefined> {
    const answer = await guarded(() => this.client.kv.range({ key: this.bytes(key) }));
    return answer.kvs.map((kv) => this.record(kv))[0];
  }

  async list(prefix: string): Promise<StoreView> {
    const range = { key: this.bytes(prefix), range_end: prefixEnd(this.bytes(prefix)) };
    const answer = await guarded(() => this.client.kv.range(range));
    return { revision: Number(answer.header.revision), records: answer.kvs.map((kv) => this.record(kv)) };
  }

  async txn(compares: readonly StoreCompare[], writes: readonly StoreWrite[]): Promise<TxnResult> {
    const answer = await guarded(() =>
      this.client.kv.txn({
        compare: compares.map(({ key, revision }) => ({
          key: this.bytes(key),
          target: 'Mod' as const,
          result: 'Equal' as const,
          mod_revision: revision,
        })),
        success: writes.map((write) =>
          write.kind === 'put'
            ? { request_put: { key: this.bytes(write.key), value: Buffer.from(write.value) } }
            : { request_delete_range: { key: this.bytes(write.key) } },
        ),
      }),
    );
    return answer.succeeded
      ? { kind: 'committed', revision: Number(answer.header.revision) }
      : { kind: 'conflict' };
  }

  watch(prefix: string, handlers: WatchHandlers): Watch {
    const watch = new EtcdWatch(handlers, {
      env: this.env,
      list: () => this.list(prefix),
      openStream: () => this.client.watchClient.watch(),
      range: { key: this.bytes(prefix), range_end: prefixEnd(this.bytes(prefix)) },
      nameOf: (key) => this.name(key),
      onClosed: () => this.watches.delete(watch),
    });
    this.watches.add(watch);
    return watch;
  }

  campaign(candidate: string, handlers: CampaignHandlers): Campaign {
    return new EtcdCampaign(this, this.client, this.env, this.prefix, this.leaseSeconds, candidate, handlers);
  }

  async close(): Promise<void> {
    for (const watch of [...this.watches]) watch.close();
    this.client.close();
  }

  private bytes(key: string): Buffer {
    return Buffer.from(this.prefix + key);
  }

  private name(key: Buffer): string {
    return key.toString().slice(this.prefix.length);
  }

  private record(kv: { key: Buffer; value: Buffer; mod_revision: string }): StoreRecord {
    return { key: this.name(kv.key), value: kv.value.toString(), revision: Number(kv.mod_revision) };
  }
}

/** Runs a call and turns any failure, also one thrown at once, into a StoreError. */
export async function guarded<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw new StoreError(`etcd: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function clientOptions(options: EtcdStoreOptions): IOptions {
  const timeoutMs = options.callTimeoutMs ?? 3000;
  return {
    hosts: [...options.hosts],
    // Streams live long and have their own care; a call that hangs must not hang its caller.
    defaultCallOptions: (context) => (context.isStream ? {} : { deadline: options.env.wallMs() + timeoutMs }),
    grpcOptions: { 'grpc.keepalive_time_ms': 10_000, 'grpc.keepalive_timeout_ms': 5_000 },
    ...(options.username !== undefined
      ? { auth: { username: options.username, password: options.password ?? '' } }
      : {}),
  };
}

/** The first key after all that begin with `prefix`. */
function prefixEnd(prefix: Buffer): Buffer {
  const end = Buffer.from(prefix);
  end[end.length - 1]! += 1;
  return end;
}
