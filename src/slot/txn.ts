/**
 * What a handler may touch: a View of one slot, or a Txn, which is a View plus writes.
 *
 * Both are synchronous. What memory lacks is a page fault: the access throws PageFault, the run's effects are
 * dropped, the missing records are loaded, and the handler runs again from the start on fresh effects. So a
 * handler must take everything it knows from its arguments, its View and its context, and must not catch
 * PageFault. Records are immutable: to replace a string, put a new record; to change one, or a collection, use its door
 * (doors.ts). What they are made of is not a handler's business.
 */
import type { Random } from '../random.js';
import type { Body, CollectionKind, Life, LongString } from './body.js';
import type {
  EditableFields,
  EditableItems,
  EditableSorted,
  EditableText,
  Fields,
  Items,
  Sorted,
  Text,
} from './doors.js';

export type { CollectionKind } from './body.js';
export type * from './doors.js';

export type KeyRecord = StringRecord | CollectionRecord;

export interface StringRecord {
  readonly kind: 'string';
  /** A long one lies in pages: its door reads it. Put as a Buffer, whatever its length. */
  readonly value: Buffer | LongString;
  /** Slot time in whole milliseconds since the epoch at which the key dies; undefined: never. */
  readonly expireAtMs: number | undefined;
}

export interface CollectionRecord {
  readonly kind: CollectionKind;
  readonly body: Body;
  readonly expireAtMs: number | undefined;
}

/** A position in hash order: `hash14 * 2^32 + hash32` of a key; 0 <= position < 2^46. */
export type ScanPosition = number;

export interface ScanPage {
  readonly keys: readonly { readonly key: Buffer; readonly kind: KeyRecord['kind'] }[];
  /** Where to go on; undefined at the slot's end. Keys that share a position are never parted. */
  readonly next: ScanPosition | undefined;
}

export interface View {
  /** The live record, or undefined where there is none or its time has come. */
  get(key: Buffer): KeyRecord | undefined;
  /** A string that is short, one character a byte, as memory keeps it; undefined: `get` tells what there is. */
  shortText(key: Buffer): string | undefined;
  /** Names keys that the run will need, so that one fault loads them together. */
  prefetch(keys: readonly Buffer[]): void;
  /** Live keys of the slot. */
  size(): number;
  /** About `count` keys from `from` in hash order; fewer, or none, do not mean the end: `next` does. */
  scan(from: ScanPosition, count: number): ScanPage;
  /** The string at the key; an empty one where there is nothing. */
  text(key: Buffer): Text;
  /** Loads what reading the strings at these keys whole will need, together; keys of other types are passed over. */
  prefetchTexts(keys: readonly Buffer[]): void;
  /** The hash or set at the key; an empty one where there is nothing. */
  fields(key: Buffer): Fields;
  sorted(key: Buffer): Sorted;
  items(key: Buffer): Items;
}

export interface Txn extends View {
  /** Makes or replaces the key whole, expiry included. */
  put(key: Buffer, record: KeyRecord): void;
  /** Whether a live key was there. */
  delete(key: Buffer): boolean;
  /** Removes every key of the slot. */
  clear(): void;
  /** Makes the key with its first `write`. */
  editText(key: Buffer): EditableText;
  editFields(key: Buffer, kind: 'hash' | 'set'): EditableFields;
  editSorted(key: Buffer): EditableSorted;
  editItems(key: Buffer): EditableItems;
  /** Gives `to` what `from` holds, expiry included. False where there is nothing. */
  copy(from: Buffer, to: Buffer): boolean;
}

/** The only clock a handler has. */
export interface ReadContext {
  /** Slot time, whole milliseconds since the epoch; the same for the whole entry or read. */
  readonly nowMs: number;
  /**
   * Begins anew at each run of the same command. In a write it is a pure function of the entry's seed and the command's
   * position in it.
   */
  readonly random: Random;
}

export interface WriteContext extends ReadContext {
  /** The Raft index of the entry. */
  readonly index: number;
}

/** Thrown by a View whose memory lacks something. Caught by the slot, never by a handler. */
export class PageFault {
  constructor(readonly needs: readonly PageNeed[]) {}
}

export type PageNeed =
  | { readonly kind: 'record'; readonly key: Buffer }
  | { readonly kind: 'page'; readonly life: Life; readonly page: number }
  | { readonly kind: 'range'; readonly from: ScanPosition; readonly count: number }
  /** The next part of the expiry index. */
  | { readonly kind: 'expiries' }
  /** A read met a key whose time has come but whose death is not logged yet: it waits for a clock entry. */
  | { readonly kind: 'clock'; readonly untilMs: number };
