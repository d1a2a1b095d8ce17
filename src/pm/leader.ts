/**
 * Which of several PMs leads. The store's campaign decides; the fence it gives goes into every write.
 *
 * While the store is away nobody can be elected, and whoever led keeps serving nodes from memory: only when another leader
 * is known are they sent there.
 */
import type { Env, Timer } from '../env.js';
import type { Campaign, MetadataStore, StoreCompare } from './store.js';

export interface LeadershipOptions {
  readonly store: MetadataStore;
  readonly env: Env;
  /** Where others reach this PM's gRPC. */
  readonly address: string;
  /** Elected: read what former leaders left. Rejects when the store fails; tried again while we lead. */
  begin(): Promise<void>;
  /** Anything about who leads has changed. */
  onChange(): void;
}

const BEGIN_RETRY_MS = 500;

export class Leadership {
  private readonly campaign: Campaign;
  private held: StoreCompare | undefined;
  private begun = false;
  private knownLeader: string | undefined;
  private timer: Timer | undefined;

  constructor(private readonly options: LeadershipOptions) {
    const { store, env, address } = options;
    this.campaign = store.campaign(address, {
      onElected: (fence) => {
        env.log.info('this PM leads', { address });
        this.held = fence;
        void this.begin(fence);
      },
      onLost: (why) => {
        env.log.warn('this PM leads no more', { why });
        this.held = undefined;
        this.begun = false;
        options.onChange();
      },
      onLeader: (candidate) => {
        this.knownLeader = candidate;
        options.onChange();
      },
    });
  }

  /** What every write must compare; undefined while we do not lead. */
  fence(): StoreCompare | undefined {
    return this.held;
  }

  /** Elected, and the image is as new as any former leader left it. */
  get isLeading(): boolean {
    return this.held !== undefined && this.begun;
  }

  /** Where the leader is, when it is another PM. */
  get otherLeader(): string | undefined {
    const isOther = this.held === undefined && this.knownLeader !== this.options.address;
    return isOther ? this.knownLeader : undefined;
  }

  /** Gives way at once, so that the next PM need not wait for the lease to end. */
  async resign(): Promise<void> {
    this.timer?.cancel();
    this.held = undefined;
    this.begun = false;
    await this.campaign.resign();
  }

  private async begin(fence: StoreCompare): Promise<void> {
    try {
      await this.options.begin();
      if (this.held !== fence) return;
      this.begun = true;
      this.options.onChange();
    } catch (error) {
      this.options.env.log.warn('metadata not read yet', { why: String(error) });
      if (this.held !== fence) return;
      this.timer = this.options.env.after(BEGIN_RETRY_MS, () => void this.begin(fence));
    }
  }
}
