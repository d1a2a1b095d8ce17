/**
 * Takes away, in the background and in bounded steps, what large keys that are gone have left in the engine.
 *
 * A reclaim row stands for a life whose pages may be removed. The pages go first, synced: the row may not vanish before them in
 * a crash, and LevelDB promises that of no unsynced batch. A crash in between begins the life again. One round runs at a time,
 * and never beside a checkpoint of the same state.
 */
import type { Engine, EngineWrite } from '../storage/engine.js';
import type { Life } from './body.js';
import { lifeRange, parseReclaimKey, reclaimRange } from './page-keys.js';
import type { PagePool } from './page-pool.js';

/** Pages removed in one step. */
const RECLAIMED_PAGES = 1000;
/** Lives whose rows go together. */
const RECLAIMED_LIVES_MAX = 64;
/** Looks for reclaim rows in one round. */
const LOOKS_MAX = 64;
/** Unfinished lives remembered: one a state at most has any use. */
const RESUMES_MAX = 1024;

export interface Reclaimable {
  readonly stateId: number;
  readonly pages: PagePool;
}

export class Reclaimer {
  /** Where lives that a round did not finish go on: rows that were deleted still cost an iterator that walks over them. */
  private readonly resumes = new Map<string, Buffer>();

  /** Where a round had to stop: the next begins with the state after it, so that none keeps the others waiting. */
  private stoppedAt: Reclaimable | undefined;

  constructor(private readonly engine: Engine) {}

  /** Goes on while `mayGoOn`, which is asked before each step of removing pages. */
  async round(states: readonly Reclaimable[], mayGoOn: () => boolean): Promise<void> {
    const first = this.stoppedAt === undefined ? 0 : states.indexOf(this.stoppedAt) + 1;
    this.stoppedAt = undefined;
    let looks = 0;
    for (const state of [...states.slice(first), ...states.slice(0, first)]) {
      while (state.pages.mayReclaim && looks++ < LOOKS_MAX) {
        if (await this.lookAgainIfBroken(state, mayGoOn)) continue;
        this.stoppedAt = state;
        return;
      }
    }
  }

  /** What was not looked at to its end is looked at again. */
  private async lookAgainIfBroken(state: Reclaimable, mayGoOn: () => boolean): Promise<boolean> {
    const { pages } = state;
    pages.isBeingReclaimed = true;
    try {
      return await this.reclaimSome(state, mayGoOn);
    } catch (why) {
      pages.mayReclaim = true;
      throw why;
    } finally {
      pages.isBeingReclaimed = false;
    }
  }

  /** False where it had to stop before all that it took on was done. */
  private async reclaimSome({ stateId, pages }: Reclaimable, mayGoOn: () => boolean): Promise<boolean> {
    const cursor = this.engine.iterate(reclaimRange(stateId));
    const rows = (await cursor.next(RECLAIMED_LIVES_MAX)).map(([key]) => key);
    await cursor.close();
    if (rows.length < RECLAIMED_LIVES_MAX) pages.mayReclaim = false;
    const done: Buffer[] = [];
    for (const row of rows) {
      if (!(await this.clear(stateId, row, mayGoOn))) break;
      done.push(row);
    }
    if (done.length < rows.length) pages.mayReclaim = true;
    if (done.length > 0) await this.engine.write(done.map(goes), { sync: true });
    return done.length === rows.length;
  }

  /** Whether no page of the life is left. */
  private async clear(stateId: number, row: Buffer, mayGoOn: () => boolean): Promise<boolean> {
    const life: Life = parseReclaimKey(row);
    const { from, to } = lifeRange(stateId, life);
    const name = row.toString('latin1');
    const cursor = this.engine.iterate({ from: this.resumes.get(name) ?? from, to, keysOnly: true });
    let page = await cursor.next(RECLAIMED_PAGES);
    while (page.length > 0 && mayGoOn()) {
      await this.engine.write(
        page.map(([key]) => goes(key)),
        { sync: true },
      );
      page = await cursor.next(RECLAIMED_PAGES);
    }
    await cursor.close();
    if (page.length === 0) this.resumes.delete(name);
    else this.resumes.set(name, page[0]![0]);
    // Of states that are gone nobody asks again.
    if (this.resumes.size > RESUMES_MAX) this.resumes.clear();
    return page.length === 0;
  }
}

const goes = (key: Buffer): EngineWrite => ({ kind: 'delete', key });
