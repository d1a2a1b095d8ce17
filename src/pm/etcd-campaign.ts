/**
 * Leadership by one etcd key bound to a lease: whoever creates it leads, until the lease ends or the key is gone.
 *
 * A leader that was paused past its lease may still believe; that is harmless, since every write of PM compares the key's
 * revision. A leader whose key was deleted by hand, or is another's after a restore, notices by the watch and begins anew.
 */
import type { Etcd3, Lease } from 'etcd3';
import type { Env, Timer } from '../env.js';
import { guarded } from './etcd-store.js';
import {
  type Campaign,
  type CampaignHandlers,
  LEADER_KEY,
  type MetadataStore,
  type StoreRecord,
  type Watch,
} from './store.js';

const RETRY_FIRST_MS = 200;
const RETRY_MAX_MS = 3000;

export class EtcdCampaign implements Campaign {
  private readonly watch: Watch;
  private lease: Lease | undefined;
  /** Of our key while we lead. */
  private electedRevision: number | undefined;
  private attempting = false;
  /** Nobody holds the key, as far as the watch has told. */
  private vacant = false;
  private resigned = false;
  private retryMs = RETRY_FIRST_MS;
  private timer: Timer | undefined;

  constructor(
    store: MetadataStore,
    private readonly client: Etcd3,
    private readonly env: Env,
    private readonly prefix: string,
    private readonly leaseSeconds: number,
    private readonly candidate: string,
    private readonly handlers: CampaignHandlers,
  ) {
    this.watch = store.watch(LEADER_KEY, {
      onSnapshot: (view) => this.observe(view.records.find(({ key }) => key === LEADER_KEY)),
      onChanges: (changes) => {
        const last = changes.at(-1)!;
        this.observe(last.kind === 'put' ? last.record : undefined);
      },
    });
  }

  async resign(): Promise<void> {
    this.resigned = true;
    this.watch.close();
    this.timer?.cancel();
    const lease = this.lease;
    this.lease = undefined;
    this.electedRevision = undefined;
    // Without etcd the lease ends by itself.
    await lease?.revoke().catch(() => undefined);
  }

  private observe(holder: StoreRecord | undefined): void {
    if (this.resigned) return;
    this.vacant = holder === undefined;
    this.handlers.onLeader(holder?.value);
    if (this.electedRevision !== undefined && holder?.revision !== this.electedRevision) {
      if (holder === undefined || holder.revision > this.electedRevision)
        this.lose('the leader key was taken away');
    }
    this.attempt();
  }

  private attempt(): void {
    if (!this.vacant || this.attempting || this.resigned || this.electedRevision !== undefined) return;
    this.attempting = true;
    this.timer?.cancel();
    void this.tryOnce()
      .catch((error: unknown) => {
        this.env.log.warn('campaign failed', { why: String(error), retryMs: this.retryMs });
        this.dropLease();
      })
      .finally(() => {
        this.attempting = false;
        // The key may have gone while we were busy being refused.
        if (this.electedRevision === undefined) this.retryLater();
      });
  }

  private async tryOnce(): Promise<void> {
    const lease = this.newLease();
    const leaseId = await guarded(() => lease.grant());
    const key = Buffer.from(this.prefix + LEADER_KEY);
    const answer = await guarded(() =>
      this.client.kv.txn({
        compare: [{ key, target: 'Create', result: 'Equal', create_revision: 0 }],
        success: [{ request_put: { key, value: Buffer.from(this.candidate), lease: leaseId } }],
      }),
    );
    if (this.resigned || this.lease !== lease) return void lease.revoke().catch(() => undefined);
    // Somebody was faster: the watch will tell when their key goes.
    if (!answer.succeeded) return this.dropLease();
    this.retryMs = RETRY_FIRST_MS;
    this.electedRevision = Number(answer.header.revision);
    this.handlers.onElected({ key: LEADER_KEY, revision: this.electedRevision });
  }

  private newLease(): Lease {
    this.dropLease();
    const lease = this.client.lease(this.leaseSeconds);
    lease.on('lost', (error) => {
      if (this.lease !== lease) return;
      this.lease = undefined;
      this.lose(`lease lost: ${error.message}`);
    });
    this.lease = lease;
    return lease;
  }

  private lose(why: string): void {
    if (this.electedRevision === undefined) return;
    this.electedRevision = undefined;
    this.dropLease();
    this.handlers.onLost(why);
  }

  private dropLease(): void {
    const lease = this.lease;
    this.lease = undefined;
    void lease?.revoke().catch(() => undefined);
  }

  private retryLater(): void {
    if (this.resigned || !this.vacant) return;
    this.timer?.cancel();
    this.timer = this.env.after(this.retryMs, () => this.attempt());
    this.retryMs = Math.min(this.retryMs * 2, RETRY_MAX_MS);
  }
}
