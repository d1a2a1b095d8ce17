/**
 * What one checkpoint hands to the engine, in batches of bounded size.
 *
 * Records, the pages that were there before, and the applied index go in one batch, the *flip*: what they say must be of one moment.
 * Where a frozen slot is larger than a batch, its new pages go before, in batches of their own: nothing that the engine holds leads
 * to them until the flip. After a crash in between they lie there unreached. The log, replayed, makes the same life again and
 * gives its pages the same numbers; so they are written over, or deleted with those that were freed, or reclaimed with their life,
 * before anything can lead to them. Nothing is written, ahead or not, that is not committed: so the log can't say otherwise the
 * second time.
 *
 * Left out: which slots go together (checkpoint.ts).
 */
import { type Env, nextTurn } from '../env.js';
import type { Engine, EngineWrite } from '../storage/engine.js';
import { newPageWrites, pageWrites } from './page-pool.js';
import { type FrozenState, writesOf } from './state.js';

export interface BatchSettings {
  /** A batch of pages that are written ahead is no larger than this by more than one page. */
  readonly checkpointBytesMax: number;
  /** Cells encoded before the event loop gets its turn. */
  readonly checkpointSliceCells: number;
}

/** Bytes encoded before the event loop gets its turn, however few cells they are. */
const SLICE_BYTES = 1 << 20;

export class BatchWriter {
  private sliceCells = 0;
  private sliceBytes = 0;

  constructor(
    private readonly env: Env,
    private readonly engine: Engine,
    private readonly settings: BatchSettings,
  ) {}

  /** Puts all that the flip of this state holds into `batch`; what it need not hold is in the engine when this resolves. */
  async encode(frozen: FrozenState, batch: EngineWrite[]): Promise<void> {
    const ahead = frozen.cells.bytes + frozen.pages.bytes > this.settings.checkpointBytesMax;
    if (ahead) await this.writeAhead(frozen);
    for (const cell of frozen.cells) {
      for (const write of writesOf(frozen.stateId, cell)) await this.add(batch, write);
    }
    for (const write of pageWrites(frozen.stateId, frozen.pages, ahead)) await this.add(batch, write);
  }

  /** Synced like all of a checkpoint: the flip must not survive what it leads to. */
  private async writeAhead(frozen: FrozenState): Promise<void> {
    let batch: EngineWrite[] = [];
    let bytes = 0;
    for (const write of newPageWrites(frozen.stateId, frozen.pages)) {
      await this.add(batch, write);
      bytes += bytesOf(write);
      if (bytes < this.settings.checkpointBytesMax) continue;
      await this.engine.write(batch, { sync: true });
      batch = [];
      bytes = 0;
    }
    if (batch.length > 0) await this.engine.write(batch, { sync: true });
  }

  private async add(batch: EngineWrite[], write: EngineWrite): Promise<void> {
    batch.push(write);
    this.sliceBytes += bytesOf(write);
    if (++this.sliceCells < this.settings.checkpointSliceCells && this.sliceBytes < SLICE_BYTES) return;
    this.sliceCells = 0;
    this.sliceBytes = 0;
    await nextTurn(this.env);
  }
}

function bytesOf(write: EngineWrite): number {
  return write.key.length + (write.kind === 'put' ? write.value.length : 0);
}
