/**
 * One snapshot on its way to one member: the stored state, read through one iterator while the leader goes on.
 *
 * What the engine holds of a slot is its state after exactly the entries that its meta names (checkpoint.ts), and an iterator
 * sees the engine as it was when it was made. So nothing is copied and nothing stops. The view is opened between two rounds of
 * checkpoints: then meta and rows are of one moment, and a state left behind by FLUSHALL is not yet being cleared.
 *
 * Chunks go out ahead of their acknowledgements within a window, at the node's pace. The transfer ends when the member says that
 * it has installed it, says no, or says nothing for too long; or when it has lost its sense: another term, another leader, a
 * member removed. However it ends, `run` resolves.
 */
import { invariant } from '../assert.js';
import type { Env, Timer } from '../env.js';
import type { MemberId } from '../raft/message.js';
import type { Engine, EngineIterator } from '../storage/engine.js';
import { EngineReopened } from '../storage/steady-engine.js';
import type { Checkpointer } from './checkpoint.js';
import { keyWithoutState, metaKey, stateRange } from './keys.js';
import { encodeMeta, type StateMeta } from './record.js';
import type { SnapshotAck, SnapshotMessage } from './snapshot-codec.js';
import { RowCutter } from './snapshot-rows.js';
import type { StoredState } from './states.js';
import type { Throttle } from './throttle.js';

export interface SnapshotSettings {
  readonly chunkBytes: number;
  /** Chunks sent and not yet written by the receiver. */
  readonly windowChunks: number;
  /** Of all snapshots that a node sends. */
  readonly bytesPerSecond: number;
  /** A transfer that hears nothing from the other end for this long is over. */
  readonly silenceMs: number;
  /** After a failure Raft is told so late that it doesn't ask again at once. */
  readonly retryMs: number;
  /** Log kept beyond the tail, a slot, for a member that a snapshot of it is under way to. */
  readonly logBytesMax: number;
  /** Snapshots under way, out of and into this node; further ones wait, or are refused. */
  readonly outgoingMax: number;
  readonly incomingMax: number;
}

export interface SnapshotView {
  readonly stateId: number;
  readonly meta: StateMeta;
  readonly rows: EngineIterator;
}

export interface SnapshotSenderParts {
  readonly env: Env;
  readonly settings: SnapshotSettings;
  readonly throttle: Throttle;
  readonly transferId: string;
  readonly groupId: number;
  readonly from: MemberId;
  readonly to: MemberId;
  readonly term: number;
  readonly openView: () => Promise<SnapshotView | undefined>;
  /** False: not now, the lane is full. */
  readonly send: (message: SnapshotMessage) => boolean;
  /** Still leader, of that term, of a group with that member. */
  readonly makesSense: () => boolean;
}

/** Rows taken from the engine at once; it takes fewer where they are large. */
const ROWS_A_PAGE = 200;
/** A full lane is tried again after this. */
const LANE_FULL_MS = 10;

/** Not an error of the program: the transfer is over, and this is why. */
class Ended extends Error {}

export class SnapshotSender {
  bytes = 0;
  /** What the snapshot holds; known once its view is open. The entries behind it must stay in the log. */
  index: number | undefined;
  /** Why it failed; empty until it did. */
  why = '';
  /** It failed for no other reason than that the member's node takes in enough of them already. */
  busy = false;
  private written = -1;
  private sequence = 0;
  private installed = false;
  private resume: () => void = () => {};
  private silence: Timer | undefined;

  constructor(private readonly parts: SnapshotSenderParts) {}

  /** True: installed. Rejects only where the engine can't be read. */
  async run(): Promise<boolean> {
    let view: SnapshotView | undefined;
    try {
      view = await this.parts.openView();
      await this.transfer(view);
      return true;
    } catch (thrown) {
      if (thrown instanceof EngineReopened) this.cancel(thrown.message);
      else if (!(thrown instanceof Ended)) throw thrown;
      this.parts.send({ kind: 'cancel', transferId: this.parts.transferId });
      return false;
    } finally {
      this.silence?.cancel();
      await view?.rows.close();
    }
  }

  answered(ack: SnapshotAck): void {
    if (ack.kind === 'refused') return this.cancel(`refused: ${ack.why}`);
    if (ack.kind === 'busy') {
      this.busy = true;
      return this.cancel('busy');
    }
    if (ack.kind === 'installed') this.installed = true;
    else this.written = Math.max(this.written, ack.sequence);
    this.listen();
    this.resume();
  }

  cancel(why: string): void {
    if (this.why === '') this.why = why;
    this.resume();
  }

  /** Looks whether it still makes sense. */
  poke(): void {
    this.resume();
  }

  private async transfer(view: SnapshotView | undefined): Promise<void> {
    if (view === undefined) throw this.ended('there is no checkpoint yet');
    const { transferId, groupId, from, to, term } = this.parts;
    this.index = view.meta.appliedIndex;
    this.listen();
    await this.say({ kind: 'begin', transferId, groupId, from, to, term, meta: view.meta });
    await this.until(() => this.written >= 0);
    const { rows, checksum } = await this.sendRows(view);
    await this.say({ kind: 'end', transferId, sequence: this.sequence, rows, checksum });
    await this.until(() => this.installed);
  }

  private async sendRows(view: SnapshotView): Promise<RowCutter> {
    const cutter = new RowCutter(this.parts.settings.chunkBytes);
    const meta = metaKey(view.stateId);
    for (let page = await this.page(view); page.length > 0; page = await this.page(view)) {
      for (const [key, value] of page) {
        // The receiver writes this row when it has all the others.
        if (key.equals(meta)) checkMeta(view, value);
        else cutter.add({ key: keyWithoutState(key), value });
        if (cutter.full) for (const chunk of cutter.take(false)) await this.sendChunk(chunk);
      }
    }
    for (const chunk of cutter.take(true)) await this.sendChunk(chunk);
    return cutter;
  }

  private async page(view: SnapshotView): ReturnType<EngineIterator['next']> {
    this.check();
    return view.rows.next(ROWS_A_PAGE);
  }

  private async sendChunk(bytes: Buffer): Promise<void> {
    const { settings, throttle, transferId } = this.parts;
    const sequence = ++this.sequence;
    await this.until(() => sequence - this.written <= settings.windowChunks);
    const waitMs = throttle.take(bytes.length);
    if (waitMs > 0) await this.pause(waitMs);
    await this.say({ kind: 'chunk', transferId, sequence, bytes });
    this.bytes += bytes.length;
  }

  private async say(message: SnapshotMessage): Promise<void> {
    this.check();
    while (!this.parts.send(message)) await this.pause(LANE_FULL_MS);
  }

  private async until(holds: () => boolean): Promise<void> {
    for (this.check(); !holds(); this.check()) await this.turn();
  }

  private async pause(delayMs: number): Promise<void> {
    let over = false;
    const timer = this.parts.env.after(delayMs, () => {
      over = true;
      this.resume();
    });
    try {
      await this.until(() => over);
    } finally {
      timer.cancel();
    }
  }

  private turn(): Promise<void> {
    return new Promise((resolve) => {
      this.resume = resolve;
    });
  }

  private check(): void {
    if (this.why === '' && !this.parts.makesSense()) this.why = 'leadership or membership changed';
    if (this.why !== '') throw new Ended(this.why);
  }

  private ended(why: string): Ended {
    this.why = why;
    return new Ended(why);
  }

  /** Silence counts from here. */
  private listen(): void {
    const { env, settings } = this.parts;
    this.silence?.cancel();
    this.silence = env.after(settings.silenceMs, () => this.cancel('no answer in time'));
  }
}

/** Undefined where the slot has never been checkpointed, and can't be now. */
export async function openSnapshotView(
  engine: Engine,
  checkpointer: Checkpointer,
  slot: { readonly stored: StoredState | undefined },
): Promise<SnapshotView | undefined> {
  if (slot.stored === undefined) await checkpointer.round();
  return checkpointer.alone(async () => {
    const { stored } = slot;
    return stored && { ...stored, rows: engine.iterate(stateRange(stored.stateId)) };
  });
}

function checkMeta(view: SnapshotView, value: Buffer): void {
  const { stateId, meta } = view;
  invariant(encodeMeta(meta).equals(value), 'a state is not what its slot takes it for', { stateId, meta });
}
