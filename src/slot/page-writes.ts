/**
 * The engine's writes of frozen pages (page-pool.ts), each made when it is asked for.
 */
import type { EngineBatch, EngineWrite } from '../storage/engine.js';
import { pageKey, reclaimKey } from './page-keys.js';
import type { FrozenPages, PageOfLife } from './page-pool.js';
import type { TreePage } from './tree.js';
import { encodePage } from './tree-page.js';

/**
 * Those pages that nothing leads to before their key's record is written: they may be written ahead of it, in batches that are no
 * larger than `bytesMax` by more than one page.
 */
export function* newPageBatches(
  stateId: number,
  { shelves }: FrozenPages,
  bytesMax: number,
): Iterable<EngineBatch> {
  let pages: NewPage[] = [];
  let batchBytes = 0;
  for (const { life, cells, newFrom } of shelves.values()) {
    for (const [page, { content, bytes }] of cells) {
      if (page < newFrom || content === undefined) continue;
      pages.push({ life, page, content });
      batchBytes += bytes;
      if (batchBytes < bytesMax) continue;
      yield new NewPages(stateId, pages);
      pages = [];
      batchBytes = 0;
    }
  }
  if (pages.length > 0) yield new NewPages(stateId, pages);
}

interface NewPage extends PageOfLife {
  readonly content: TreePage;
}

class NewPages implements EngineBatch {
  constructor(
    private readonly stateId: number,
    private readonly pages: readonly NewPage[],
  ) {}

  *[Symbol.iterator](): Iterator<EngineWrite> {
    for (const { life, page, content } of this.pages)
      yield { kind: 'put', key: pageKey(this.stateId, life, page), value: encodePage(content) };
  }
}

/**
 * All else that was frozen. `ahead`: the new pages are written. One that was freed again is deleted all the same: an earlier try that
 * ended in a crash may have written it.
 */
export function* pageWrites(
  stateId: number,
  { shelves, retired }: FrozenPages,
  ahead: boolean,
): Iterable<EngineWrite> {
  for (const { life, cells, newFrom } of shelves.values()) {
    for (const [page, { content }] of cells) {
      const key = pageKey(stateId, life, page);
      if (content === undefined) yield { kind: 'delete', key };
      else if (!ahead || page < newFrom) yield { kind: 'put', key, value: encodePage(content) };
    }
  }
  for (const life of retired) yield { kind: 'put', key: reclaimKey(stateId, life), value: NOTHING };
}

const NOTHING = Buffer.alloc(0);
