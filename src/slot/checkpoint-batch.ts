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
 * Rows are made as the engine asks for them: what is frozen does not change, and a batch of tens of thousands of rows that lived as
 * long as its write would be garbage grown old.
 *
 * Left out: which slots go together (checkpoint.ts).
 */
import { u32 } from '../bytes.js';
import type { Engine, EngineBatch, EngineWrite } from '../storage/engine.js';
import { metaKey, nodeKey } from './keys.js';
import { newPageBatches, pageWrites } from './page-writes.js';
import { encodeMeta, type StateMeta } from './record.js';
import { type FrozenState, writesOf } from './state.js';

/** A slot's state between two entries, to be written. */
export interface FrozenReplica {
  readonly replicaId: number;
  readonly frozen: FrozenState;
  readonly meta: StateMeta;
}

/** More than goes into one batch: its new pages go before. */
function isLarge({ cells, pages }: FrozenState, bytesMax: number): boolean {
  return cells.bytes + pages.bytes > bytesMax;
}

/**
 * What the flip need not hold is in the engine when this resolves, synced like all of a checkpoint: the flip must not survive what it
 * leads to. A batch is no larger than `bytesMax` by more than one page.
 */
export async function writeAhead(engine: Engine, frozen: FrozenState, bytesMax: number): Promise<void> {
  if (!isLarge(frozen, bytesMax)) return;
  for (const batch of newPageBatches(frozen.stateId, frozen.pages, bytesMax))
    await engine.write(batch, { sync: true });
}

/** All that must be of one moment, of slots whose `writeAhead` is done; and `more`, which comes last. */
export class Flip implements EngineBatch {
  constructor(
    private readonly replicas: readonly FrozenReplica[],
    private readonly more: readonly EngineWrite[],
    private readonly bytesMax: number,
  ) {}

  *[Symbol.iterator](): Iterator<EngineWrite> {
    for (const replica of this.replicas) yield* this.of(replica);
    yield* this.more;
  }

  private *of({ replicaId, frozen, meta }: FrozenReplica): Iterable<EngineWrite> {
    const { stateId, cells, pages } = frozen;
    for (const cell of cells) yield* writesOf(stateId, cell);
    yield* pageWrites(stateId, pages, isLarge(frozen, this.bytesMax));
    yield { kind: 'put', key: metaKey(stateId), value: encodeMeta(meta) };
    yield { kind: 'put', key: nodeKey('state', replicaId), value: u32(stateId) };
    for (const id of frozen.abandonedStateIds)
      yield { kind: 'put', key: nodeKey('garbage', id), value: Buffer.alloc(0) };
  }
}
