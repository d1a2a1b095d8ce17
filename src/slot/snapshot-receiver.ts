/**
 * One snapshot on its way in: its rows go under a state id of their own, which is garbage until it is installed.
 *
 * The garbage row of that id is on disk, synced, before the first row; so whatever ends the transfer, a crash included, the
 * rows are found and removed. Each chunk is one synced batch (an unsynced one may vanish although a later one stays) and is
 * acknowledged when it is on disk. When the last is, and count and checksum are right, the meta row makes the state whole,
 * and it is installed in a turn of its own between two rounds of checkpoints (snapshot-install.ts).
 *
 * Chunks come in order or the transfer is over; so it is when nothing is heard for too long. One step is worked on at a
 * time; what waits is bounded, as the sender's window is.
 */
import { FormatError } from '../bytes.js';
import type { Env, Timer } from '../env.js';
import { isDamage } from '../storage/damage.js';
import { DiskFull } from '../storage/disk-full.js';
import type { Engine, EngineWrite } from '../storage/engine.js';
import { EngineReopened } from '../storage/steady-engine.js';
import type { Checkpointer } from './checkpoint.js';
import { loadExpiry } from './expiry-index.js';
import { keyInState, metaKey } from './keys.js';
import { encodeMeta } from './record.js';
import type { SnapshotAck, SnapshotBegin, SnapshotMessage } from './snapshot-codec.js';
import type { InstallOutcome, ReceivedSnapshot } from './snapshot-install.js';
import { RowAssembler } from './snapshot-rows.js';

export interface SnapshotReceiverParts {
  readonly env: Env;
  readonly engine: Engine;
  readonly checkpointer: Checkpointer;
  readonly silenceMs: number;
  readonly begin: SnapshotBegin;
  readonly answer: (ack: SnapshotAck) => void;
  readonly diskLow: () => boolean;
  /** Puts it in place. */
  readonly install: (snapshot: ReceivedSnapshot) => Promise<InstallOutcome>;
}

/** Chunks that wait to be written; a sender's window is smaller. */
export const RECEIVED_CHUNKS_MAX = 64;
/** Looks at the silence, and signs of life while a large state is installed: so many in a silence's length. */
const LOOKS_A_SILENCE = 4;

export class SnapshotReceiver {
  bytes = 0;
  /** Why it ended without being installed; empty until it did. */
  why = '';
  private stateId = 0;
  private readonly rows = new RowAssembler();
  /** The newest chunk that came, and the newest on disk. */
  private sequence = 0;
  private written = 0;
  private complete = false;
  private installing = false;
  /** The next start installs it: not even the last checkpoint of this one may clear it. */
  private left = false;
  private heardMs: number;
  private work: Promise<void> = Promise.resolve();
  private looking: Timer | undefined;
  private finish: (installed: boolean) => void = () => {};

  constructor(private readonly parts: SnapshotReceiverParts) {
    this.heardMs = parts.env.monotonicMs();
  }

  get transferId(): string {
    return this.parts.begin.transferId;
  }

  /** The state is whole and about to take its place: it can't be given up any more. */
  get isInstalling(): boolean {
    return this.installing;
  }

  /** True: installed. Rejects where the engine failed. The id is garbage for the checkpointer to clear when it did not succeed. */
  async run(): Promise<boolean> {
    const over = new Promise<boolean>((resolve) => {
      this.finish = resolve;
    });
    this.look();
    this.enqueue(() => this.reserve());
    const installed = await over.finally(() => this.looking?.cancel());
    // A write that is under way must not come after the clearing.
    await this.work;
    if (!this.left) this.parts.checkpointer.releaseState(this.stateId);
    return installed;
  }

  take(message: SnapshotMessage): void {
    if (this.why !== '' || this.installing) return;
    this.heardMs = this.parts.env.monotonicMs();
    if (message.kind === 'cancel') this.cancel('given up by its sender');
    if (message.kind === 'chunk') this.takeChunk(message.sequence, message.bytes);
    if (message.kind === 'end') this.takeEnd(message.sequence, message.rows, message.checksum);
  }

  cancel(why: string): void {
    if (this.why !== '' || this.installing) return;
    this.why = why;
    this.parts.answer({ kind: 'refused', transferId: this.transferId, why });
    this.finish(false);
  }

  private takeChunk(sequence: number, bytes: Buffer): void {
    const isNext = sequence === this.sequence + 1 && !this.complete;
    if (!isNext || sequence - this.written > RECEIVED_CHUNKS_MAX)
      return this.cancel(`chunk ${sequence} after ${this.sequence}`);
    this.sequence = sequence;
    this.bytes += bytes.length;
    // A copy: the message it came in may hold much more.
    const own = Buffer.from(bytes);
    this.enqueue(() => this.write(sequence, own));
  }

  private takeEnd(sequence: number, rows: number, checksum: number): void {
    if (sequence !== this.sequence || this.complete) return this.cancel('the end does not follow');
    this.complete = true;
    this.enqueue(() => this.finishRows(rows, checksum));
  }

  private async reserve(): Promise<void> {
    this.stateId = await this.parts.checkpointer.reserveState();
    this.acknowledge();
  }

  private async write(sequence: number, chunk: Buffer): Promise<void> {
    if (this.parts.diskLow()) return this.cancel('the disk is nearly full');
    const batch = this.rows.add(chunk).map(({ key, value }): EngineWrite => {
      return { kind: 'put', key: keyInState(this.stateId, key), value };
    });
    if (batch.length > 0) await this.parts.engine.write(batch, { sync: true, whenFull: 'reject' });
    this.written = sequence;
    this.acknowledge();
  }

  private async finishRows(rows: number, checksum: number): Promise<void> {
    const { engine, begin } = this.parts;
    const same = this.rows.whole && this.rows.rows === rows && this.rows.checksum === checksum;
    if (!same) throw new FormatError(`${this.rows.rows} rows where ${rows} were sent, or other ones`);
    const { stateId } = this;
    const put = { kind: 'put', key: metaKey(stateId), value: encodeMeta(begin.meta) } as const;
    await engine.write([put], { sync: true, whenFull: 'reject' });
    const expiry = await loadExpiry(engine, stateId);
    if (this.why !== '') return;
    await this.installNow({ term: begin.term, stateId, meta: begin.meta, expiry });
  }

  private async installNow(snapshot: ReceivedSnapshot): Promise<void> {
    this.installing = true;
    const outcome = await this.parts.checkpointer.alone(() => this.parts.install(snapshot));
    this.installing = false;
    this.left = outcome === 'left';
    if (outcome !== 'installed')
      return this.cancel(this.left ? 'left to the next start' : 'no longer needed');
    this.parts.answer({ kind: 'installed', transferId: this.transferId });
    this.finish(true);
  }

  private acknowledge(): void {
    if (this.why !== '') return;
    this.parts.answer({ kind: 'written', transferId: this.transferId, sequence: this.written });
  }

  private enqueue(step: () => Promise<void>): void {
    this.work = this.work.then(async () => {
      if (this.why !== '') return;
      try {
        await step();
      } catch (thrown) {
        if (!isEndOfTransfer(thrown)) throw thrown;
        this.cancel(thrown.message);
      }
    });
    // Seen by whoever awaits `work`, after the end.
    this.work.catch(() => this.finish(false));
  }

  private look(): void {
    const { env, silenceMs } = this.parts;
    this.looking = env.after(silenceMs / LOOKS_A_SILENCE, () => {
      // The sender has nothing to say while it waits for us: then it is we who must be heard.
      if (this.complete) this.acknowledge();
      else if (env.monotonicMs() - this.heardMs >= silenceMs) this.cancel('nothing heard');
      this.look();
    });
  }
}

/** Nonsense from the sender, or a disk that has no room for the rest: the transfer is over, and nothing else is wrong. */
function isEndOfTransfer(thrown: unknown): thrown is Error {
  return (
    thrown instanceof FormatError ||
    thrown instanceof DiskFull ||
    thrown instanceof EngineReopened ||
    isDamage(thrown)
  );
}
