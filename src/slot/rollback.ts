/**
 * The way back of a replica that applied ahead what was never committed: its memory is thrown away, and it goes on from its last
 * checkpoint, which holds committed entries only, as after a restart.
 *
 * Between the two nobody reads the state, applies to it or freezes it. Between two rounds of checkpoints, because the state in
 * memory is replaced by what the engine holds; a snapshot that is put in place meanwhile is just as good a way out.
 */
import type { Engine } from '../storage/engine.js';
import { ExpiryWindow } from './expiry.js';
import { loadExpiry } from './expiry-index.js';
import type { StoredState } from './states.js';

export interface RollbackHost {
  /** As of the newest checkpoint; undefined: there was none, and the state begins empty. */
  stored(): StoredState | undefined;
  isClosed(): boolean;
  /** Does what no round of checkpoints may cross. */
  alone(work: () => Promise<void>): Promise<void>;
  goBackTo(stored: StoredState | undefined, expiry: ExpiryWindow): void;
  wake(): void;
  fatal(why: unknown): void;
}

export class Rollback {
  /** What is in memory is not to be used. */
  underWay = false;

  constructor(
    private readonly engine: Engine,
    private readonly host: RollbackHost,
  ) {}

  begin(): void {
    this.underWay = true;
    this.host.alone(() => this.run()).catch((why) => this.host.fatal(why));
  }

  /** The state was replaced in another way. */
  over(): void {
    this.underWay = false;
  }

  private async run(): Promise<void> {
    const { host } = this;
    if (!this.underWay || host.isClosed()) return;
    const stored = host.stored();
    const expiry =
      stored === undefined ? new ExpiryWindow(true) : await loadExpiry(this.engine, stored.stateId);
    if (host.isClosed()) return;
    host.goBackTo(stored, expiry);
    this.underWay = false;
    host.wake();
  }
}
