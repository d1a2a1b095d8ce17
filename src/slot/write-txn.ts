/**
 * The Txn that handlers get, over one slot's state: the writes of one lone command, or of all the commands of an atomic group.
 *
 * A run's effects, on records and on pages, live in an overlay until `commit`; a run that threw is dropped with its overlay,
 * so a page fault or a failing handler leaves no trace. Pages that a run wrote for a key that it then took away are never published.
 */
import { invariant } from '../assert.js';
import { type Life, lifeOfNumbers } from './body.js';
import { type Cell, given, type KeptRecord, makeCell } from './cell.js';
import type { EditableFields, EditableItems, EditableSorted, EditableText } from './doors.js';
import { copyKey, editFields, editItems, editSorted } from './editors.js';
import { Effects } from './effects.js';
import { nameOf, placeOf } from './keys.js';
import type { PageOfLife } from './page-pool.js';
import type { PageEditor } from './paged.js';
import { lifeOf, type SlotState } from './state.js';
import { editText, keptRecord } from './text.js';
import type { PageNumber, TreePage } from './tree.js';
import { type KeyRecord, PageFault, type Txn } from './txn.js';
import { BaseView, type RangeCache } from './view.js';

/** What a run did to the pages of one life. */
interface PageEffects {
  readonly life: Life;
  /** Pages from this number on were not there before the run. */
  newFrom: PageNumber;
  /** undefined: freed. */
  readonly pages: Map<PageNumber, TreePage | undefined>;
}

/** How to take one page effect back. */
interface Undo {
  readonly pages: Map<PageNumber, TreePage | undefined>;
  readonly page: PageNumber;
  readonly had: boolean;
  readonly content: TreePage | undefined;
}

/** The lives that an entry makes are counted over all its commands; see page-keys.ts. */
export interface Lives {
  readonly index: number;
  made: number;
}

export class WriteTxn extends BaseView implements Txn, PageEditor {
  private effects = new Effects();
  /** Most commands touch no page. */
  private pageEffects: Map<string, PageEffects> | undefined;
  private undo: Undo[] | undefined;
  private livesMade = 0;
  private cleared = false;
  private sizeChange = 0;

  constructor(
    state: SlotState,
    nowMs: number,
    ranges: RangeCache,
    private readonly lives: Lives,
  ) {
    super(state, nowMs, ranges);
  }

  protected override get hidesStored(): boolean {
    return this.cleared;
  }

  get(key: Buffer): KeyRecord | undefined {
    const record = this.live(key, nameOf(key));
    return record === undefined ? undefined : given(record);
  }

  put(key: Buffer, record: KeyRecord): void {
    const name = nameOf(key);
    if (this.live(key, name) === undefined) this.sizeChange++;
    this.effects.set(name, keptRecord(this, key, record));
  }

  delete(key: Buffer): boolean {
    const name = nameOf(key);
    if (this.live(key, name) === undefined) return false;
    this.remove(name);
    return true;
  }

  copy(from: Buffer, to: Buffer): boolean {
    return copyKey(this, from, to);
  }

  editText(key: Buffer): EditableText {
    return editText(this, key);
  }

  editFields(key: Buffer, kind: 'hash' | 'set'): EditableFields {
    return editFields(this, key, kind);
  }

  editSorted(key: Buffer): EditableSorted {
    return editSorted(this, key);
  }

  editItems(key: Buffer): EditableItems {
    return editItems(this, key);
  }

  clear(): void {
    this.effects = new Effects();
    this.pageEffects = undefined;
    this.cleared = true;
    this.sizeChange = -this.state.keys;
  }

  size(): number {
    return this.state.keys + this.sizeChange;
  }

  newLife(key: Buffer): Life {
    const ordinal = this.lives.made + this.livesMade++;
    return lifeOfNumbers(this.lives.index, ordinal, placeOf(key).hash14);
  }

  override holdsAll(life: Life): boolean {
    return this.isNew(life) || super.holdsAll(life);
  }

  writePage({ life, page }: PageOfLife, content: TreePage | undefined, newFrom: PageNumber): void {
    const name = life.name;
    this.pageEffects ??= new Map();
    let effects = this.pageEffects.get(name);
    if (effects === undefined) {
      effects = { life, newFrom, pages: new Map() };
      this.pageEffects.set(name, effects);
    }
    effects.newFrom = Math.min(effects.newFrom, newFrom);
    const { pages } = effects;
    this.undo ??= [];
    this.undo.push({ pages, page, had: pages.has(page), content: pages.get(page) });
    pages.set(page, content);
  }

  /** Where to go back to should the next command fail. */
  savepoint(): () => void {
    const { cleared, sizeChange, pageEffects } = this;
    const effects = this.effects.copy();
    const undone = this.undo?.length ?? 0;
    return () => {
      const undo = this.undo ?? [];
      while (undo.length > undone) takeBack(undo.pop()!);
      Object.assign(this, { cleared, sizeChange, effects, pageEffects });
    };
  }

  /** As new, for the next command: whatever the run did that is not published is forgotten. */
  begin(): void {
    this.effects.clear();
    this.pageEffects = undefined;
    this.undo = undefined;
    this.livesMade = 0;
    this.cleared = false;
    this.sizeChange = 0;
  }

  /** Publishes the run's effects. */
  commit(): void {
    if (this.cleared) this.state.clear();
    const kept = this.keptLives();
    this.effects.each((record, name) => this.state.publish(name, record, kept));
    if (this.pageEffects !== undefined) this.publishPages(this.pageEffects, kept);
    this.lives.made += this.livesMade;
  }

  private keptLives(): ReadonlySet<string> {
    let kept: Set<string> | undefined;
    this.effects.each((record) => {
      const life = lifeOf(record);
      if (life !== undefined) kept = (kept ?? new Set()).add(life.name);
    });
    return kept ?? NO_LIVES;
  }

  private publishPages(effects: ReadonlyMap<string, PageEffects>, kept: ReadonlySet<string>): void {
    for (const [name, { life, newFrom, pages }] of effects) {
      if (!kept.has(name)) continue;
      if (this.isNew(life)) this.state.pages.begin(life);
      for (const [page, content] of pages) this.state.pages.publish({ life, page }, content, newFrom);
    }
  }

  protected override pageAt(at: PageOfLife): TreePage | undefined {
    const pages = this.pageEffects?.get(at.life.name)?.pages;
    if (!pages?.has(at.page)) return super.pageAt(at);
    const content = pages.get(at.page);
    invariant(content !== undefined, 'a page is read that this run freed', { ...at.life, page: at.page });
    return content;
  }

  protected override overlay(): Iterable<Cell> {
    const cells: Cell[] = [];
    this.effects.each((record, name) => {
      cells.push(makeCell(name, record, undefined));
    });
    return cells;
  }

  protected override unknown(key: Buffer): boolean {
    return !this.cleared && !this.effects.has(nameOf(key)) && super.unknown(key);
  }

  protected override metDead(key: Buffer): void {
    // A scan meets keys that only the engine's page knows; a removal is published over a known record only.
    if (this.unknown(key)) throw new PageFault([{ kind: 'record', key }]);
    this.remove(nameOf(key));
  }

  /** Made by this run. */
  private isNew({ index, ordinal }: Life): boolean {
    return index === this.lives.index && ordinal >= this.lives.made;
  }

  private live(key: Buffer, name: string): KeptRecord | undefined {
    const record = this.current(key, name);
    if (record === undefined || !this.isDead(record)) return record;
    this.metDead(key);
    return undefined;
  }

  private current(key: Buffer, name: string): KeptRecord | undefined {
    const effect = this.effects.get(name);
    if (effect !== undefined || this.effects.has(name)) return effect;
    return this.cleared ? undefined : this.stored(key, name);
  }

  private remove(name: string): void {
    this.effects.set(name, undefined);
    this.sizeChange--;
  }
}

const NO_LIVES: ReadonlySet<string> = new Set();

function takeBack({ pages, page, had, content }: Undo): void {
  if (had) pages.set(page, content);
  else pages.delete(page);
}
