/**
 * Strings: the doors of doors.ts, over a Buffer in the key's record or over pages.
 *
 * A string that is longer than the bound lies in pages of one size, numbered by their place in it: so a byte is found without a
 * tree, and a change writes the pages that it touches. What replaces a whole string does not come here (Txn.put); one that has
 * got long here goes to pages, and stays there. Pages of zeros are written like others: a page that is nowhere is a broken state.
 */
import type { Life, LongString } from './body.js';
import { bytesOf, closed } from './byte-list.js';
import type { EditableText, Text } from './doors.js';
import type { EditHost, ReadHost } from './editors.js';
import type { PageOfLife } from './page-pool.js';
import type { PageEditor, PageReader } from './paged.js';
import type { PageNumber, TreePage } from './tree.js';
import type { KeyRecord, StringRecord } from './txn.js';

const EMPTY = Buffer.alloc(0);

export function readText(host: ReadHost, key: Buffer): Text {
  const value = stringAt(host, key)?.value ?? EMPTY;
  return Buffer.isBuffer(value) ? new ShortText(value) : new LongText(host, value);
}

export function editText(host: EditHost, key: Buffer): EditableText {
  return new TextEditor(host, key);
}

/** The record as it is kept: a string that is too long for it goes to pages of a new life. */
export function keptRecord(host: PageEditor, key: Buffer, record: KeyRecord): KeyRecord {
  if (record.kind !== 'string' || !Buffer.isBuffer(record.value)) return record;
  if (record.value.length <= host.limits.stringBytesMax) return record;
  return { ...record, value: overwritten(host, noBytes(host, key), 0, record.value) };
}

/** The same bytes under a life of their own. */
export function copyString(host: PageEditor, record: StringRecord, to: Buffer): StringRecord {
  const from = record.value;
  if (Buffer.isBuffer(from)) return record;
  const life = host.newLife(to);
  const pages = pagesBetween(from, 0, from.bytes);
  prefetch(host, from.life, pages);
  // Pages never change, so two lives may share what is in them.
  for (const page of pages) host.writePage({ life, page }, host.readPage({ life: from.life, page }), 1);
  return { ...record, value: { ...from, life } };
}

/** All pages of the long ones among these. */
export function pagesOfTexts(host: ReadHost, keys: readonly Buffer[]): PageOfLife[] {
  return keys.flatMap((key) => {
    const record = host.get(key);
    if (record?.kind !== 'string' || Buffer.isBuffer(record.value)) return [];
    const { life } = record.value;
    if (host.holdsAll(life)) return [];
    return pagesBetween(record.value, 0, record.value.bytes).map((page) => ({ life, page }));
  });
}

function stringAt(host: ReadHost, key: Buffer): StringRecord | undefined {
  const record = host.get(key);
  // Handlers look first; this is theirs to mend, and costs the command and not the process.
  if (record !== undefined && record.kind !== 'string')
    throw new Error(`a door to a string opened on a ${record.kind}`);
  return record;
}

class ShortText implements Text {
  constructor(private readonly bytes: Buffer) {}

  get length(): number {
    return this.bytes.length;
  }

  slice(from: number, to: number): Buffer {
    return this.bytes.subarray(from, to);
  }
}

class LongText implements Text {
  constructor(
    private readonly host: PageReader,
    private readonly value: LongString,
  ) {}

  get length(): number {
    return this.value.bytes;
  }

  slice(from: number, to: number): Buffer {
    if (from >= to) return EMPTY;
    const { host, value } = this;
    const pages = pagesBetween(value, from, to);
    prefetch(host, value.life, pages);
    const start = (pages[0]! - 1) * value.chunkBytes;
    const chunks = pages.map((page) => chunkAt(host, value.life, page));
    if (chunks.length === 1) return chunks[0]!.subarray(from - start, to - start);
    chunks[0] = chunks[0]!.subarray(from - start);
    return Buffer.concat(chunks, to - from);
  }
}

class TextEditor implements EditableText {
  constructor(
    private readonly host: EditHost,
    private readonly key: Buffer,
  ) {}

  get length(): number {
    return readText(this.host, this.key).length;
  }

  slice(from: number, to: number): Buffer {
    return readText(this.host, this.key).slice(from, to);
  }

  write(at: number, bytes: Buffer): void {
    const { host, key } = this;
    const record = stringAt(host, key);
    const value = changed(host, key, record?.value ?? EMPTY, at, bytes);
    host.put(key, { kind: 'string', value, expireAtMs: record?.expireAtMs });
  }
}

function changed(
  host: PageEditor,
  key: Buffer,
  old: Buffer | LongString,
  at: number,
  bytes: Buffer,
): Buffer | LongString {
  if (!Buffer.isBuffer(old)) return overwritten(host, old, at, bytes);
  const length = Math.max(old.length, at + bytes.length);
  if (length > host.limits.stringBytesMax) {
    return overwritten(host, overwritten(host, noBytes(host, key), 0, old), at, bytes);
  }
  const value = Buffer.alloc(length);
  old.copy(value);
  bytes.copy(value, at);
  return value;
}

function noBytes(host: PageEditor, key: Buffer): LongString {
  return { form: 'chunks', life: host.newLife(key), bytes: 0, chunkBytes: host.limits.chunkBytes };
}

/** The string with `bytes` at `at`, and zeros between its end and them. */
function overwritten(host: PageEditor, old: LongString, at: number, bytes: Buffer): LongString {
  if (bytes.length === 0) return old;
  const { life, chunkBytes } = old;
  const end = Math.max(old.bytes, at + bytes.length);
  const pages = pagesBetween(old, Math.min(at, old.bytes), at + bytes.length);
  const newFrom = pageCount(old) + 1;
  const isKept = (page: PageNumber): boolean => {
    const start = (page - 1) * chunkBytes;
    return page < newFrom && !(at <= start && start + chunkBytes <= at + bytes.length);
  };
  prefetch(host, life, pages.filter(isKept));
  for (const page of pages) {
    const start = (page - 1) * chunkBytes;
    // Memory of its own: what came with the request goes with it.
    const chunk = Buffer.alloc(Math.min(chunkBytes, end - start));
    if (isKept(page)) chunkAt(host, life, page).copy(chunk);
    bytes.copy(chunk, Math.max(0, at - start), Math.max(0, start - at));
    host.writePage({ life, page }, pageOf(chunk), newFrom);
  }
  return { ...old, bytes: end };
}

/** What a page of a long string is, as the pool and the engine know pages. */
function pageOf(chunk: Buffer): TreePage {
  return { kind: 'leaf', width: 1, strings: closed({ bytes: chunk, ends: [chunk.length] }) };
}

function chunkAt(host: PageReader, life: Life, page: PageNumber): Buffer {
  const content = host.readPage({ life, page });
  if (content.kind !== 'leaf') throw new Error(`page ${page} is no piece of a string`);
  return bytesOf(content.strings);
}

function prefetch(host: PageReader, life: Life, pages: readonly PageNumber[]): void {
  if (pages.length > 0 && !host.holdsAll(life)) host.prefetchPages(life, pages);
}

function pageCount({ bytes, chunkBytes }: LongString): number {
  return Math.ceil(bytes / chunkBytes);
}

/** The pages of the bytes `from` to `to`, without the last; also of those that are not there yet. */
function pagesBetween({ chunkBytes }: LongString, from: number, to: number): PageNumber[] {
  const first = Math.floor(from / chunkBytes) + 1;
  const last = Math.ceil(to / chunkBytes);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i);
}
