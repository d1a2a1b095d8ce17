/**
 * Opens the doors of doors.ts on the collection of one key, for reading and for editing.
 *
 * An editing door goes through its host's get, put and delete with every call, so that whatever else the run does to the key is
 * seen, savepoints hold, and a run that is dropped leaves nothing. The first element makes the key; when the last one goes, so
 * does the key. Bytes that stay are copied where they would keep a whole request alive.
 */
import { ownBytes } from '../bytes.js';
import { type Body, bodyCount, type CollectionKind, emptyBody } from './body.js';
import type {
  Direction,
  EditableFields,
  EditableItems,
  EditableOrdered,
  EditableSorted,
  FieldPage,
  Fields,
  Items,
  Ordered,
  Pair,
  Sorted,
} from './doors.js';
import { EditableHashOrder, HashOrder } from './fields.js';
import { copyPaged, type OpenBody, openToEdit, openToRead } from './open-body.js';
import type { PageEditor, PageReader } from './paged.js';
import { copyString } from './text.js';
import type { CollectionRecord, KeyRecord } from './txn.js';

/** What a door needs for reading. */
export interface ReadHost extends PageReader {
  get(key: Buffer): KeyRecord | undefined;
}

export interface EditHost extends ReadHost, PageEditor {
  put(key: Buffer, record: KeyRecord): void;
  delete(key: Buffer): boolean;
}

const EMPTY = Buffer.alloc(0);

export function readFields(host: ReadHost, key: Buffer): Fields {
  return new HashOrder(openAt(host, key, ['hash', 'set']).members);
}

export function readSorted(host: ReadHost, key: Buffer): Sorted {
  const { members, scores } = openAt(host, key, ['zset']);
  return { members: new HashOrder(members), scores };
}

export function readItems(host: ReadHost, key: Buffer): Items {
  return openAt(host, key, ['list']).items;
}

export function editFields(host: EditHost, key: Buffer, kind: 'hash' | 'set'): EditableFields {
  return new FieldsEditor(host, key, kind);
}

export function editSorted(host: EditHost, key: Buffer): EditableSorted {
  return new SortedEditor(host, key);
}

export function editItems(host: EditHost, key: Buffer): EditableItems {
  return new ItemsEditor(host, key);
}

/** Gives `to` what `from` holds; pages are copied, since no two keys share a life. False where there is nothing. */
export function copyKey(host: EditHost, from: Buffer, to: Buffer): boolean {
  const record = host.get(from);
  if (record === undefined) return false;
  if (record.kind === 'string') host.put(to, copyString(host, record, to));
  else if (record.body.form !== 'paged') host.put(to, record);
  else host.put(to, { ...record, body: copyPaged(record.body, to, host) });
  return true;
}

function openAt(host: ReadHost, key: Buffer, kinds: readonly CollectionKind[]): OpenBody {
  const record = collectionAt(host, key, kinds);
  return openToRead(record?.body ?? emptyBody(kinds[0]!), kinds[0] === 'list', host);
}

function collectionAt(
  host: ReadHost,
  key: Buffer,
  kinds: readonly CollectionKind[],
): CollectionRecord | undefined {
  const record = host.get(key);
  if (record === undefined) return undefined;
  // Handlers look first; this is theirs to mend, and costs the command and not the process.
  if (record.kind === 'string' || !kinds.includes(record.kind)) {
    throw new Error(`a door to a ${kinds} opened on a ${record.kind}`);
  }
  return record;
}

function change<Result>(
  host: EditHost,
  key: Buffer,
  kind: CollectionKind,
  edit: (open: OpenBody) => Result,
): Result {
  const record = collectionAt(host, key, [kind]);
  const before: Body = record?.body ?? emptyBody(kind);
  const open = openToEdit(before, kind === 'list', host);
  const result = edit(open);
  const body = open.body(key);
  if (body === before) return result;
  if (bodyCount(body) === 0) host.delete(key);
  else host.put(key, { kind, body, expireAtMs: record?.expireAtMs });
  return result;
}

class FieldsEditor implements EditableFields {
  constructor(
    private readonly host: EditHost,
    private readonly key: Buffer,
    private readonly kind: 'hash' | 'set',
  ) {}

  get count(): number {
    return this.read().count;
  }

  get(name: Buffer): Buffer | undefined {
    return this.read().get(name);
  }

  atAll(ranks: readonly number[]): Pair[] {
    return this.read().atAll(ranks);
  }

  prefetch(names: readonly Buffer[]): void {
    this.read().prefetch(names);
  }

  all(): Iterable<Pair> {
    return this.read().all();
  }

  scan(position: number, count: number): FieldPage {
    return this.read().scan(position, count);
  }

  put(name: Buffer, value: Buffer): Buffer | undefined {
    return this.edit((fields) => fields.put(name, ownBytes(value)));
  }

  delete(name: Buffer): Buffer | undefined {
    return this.edit((fields) => fields.delete(name));
  }

  private read(): Fields {
    return readFields(this.host, this.key);
  }

  private edit<Result>(edit: (fields: EditableFields) => Result): Result {
    return change(this.host, this.key, this.kind, ({ members }) => edit(new EditableHashOrder(members)));
  }
}

class SortedEditor implements EditableSorted {
  constructor(
    private readonly host: EditHost,
    private readonly key: Buffer,
  ) {}

  get members(): Fields {
    return readSorted(this.host, this.key).members;
  }

  get scores(): Ordered {
    return readSorted(this.host, this.key).scores;
  }

  prefetch(names: readonly Buffer[], wanted: readonly Buffer[] = []): void {
    const { members, scores } = readSorted(this.host, this.key);
    if (scores.isInMemory) return;
    members.prefetch(names);
    const keys = wanted.map((score, i) => Buffer.concat([score, names[i]!]));
    for (const name of names) {
      const score = members.get(name);
      if (score !== undefined) keys.push(Buffer.concat([score, name]));
    }
    scores.prefetch(keys);
  }

  put(member: Buffer, score: Buffer): Buffer | undefined {
    return this.edit((members, scores) => {
      const old = members.put(member, score);
      if (old?.equals(score)) return old;
      if (old !== undefined) scores.delete(Buffer.concat([old, member]));
      scores.put(Buffer.concat([score, member]), EMPTY);
      return old;
    });
  }

  delete(member: Buffer): Buffer | undefined {
    return this.edit((members, scores) => {
      const old = members.delete(member);
      if (old !== undefined) scores.delete(Buffer.concat([old, member]));
      return old;
    });
  }

  deleteRange(from: number, to: number): void {
    if (from >= to) return;
    // All of it goes at once, whatever its size.
    if (from <= 0 && to >= this.scores.count) return void this.host.delete(this.key);
    this.edit((members, scores) => {
      const going = [...scores.from(from, 'up', to - from)].map(({ key }) => key.subarray(SCORE_BYTES));
      members.prefetch(going);
      for (const member of going) members.delete(member);
      scores.deleteRange(from, to);
    });
  }

  private edit<Result>(edit: (members: EditableFields, scores: EditableOrdered) => Result): Result {
    return change(this.host, this.key, 'zset', ({ members, scores }) =>
      edit(new EditableHashOrder(members), scores),
    );
  }
}

const SCORE_BYTES = 8;

class ItemsEditor implements EditableItems {
  constructor(
    private readonly host: EditHost,
    private readonly key: Buffer,
  ) {}

  get count(): number {
    return this.read().count;
  }

  at(rank: number): Buffer | undefined {
    return this.read().at(rank);
  }

  from(rank: number, direction: Direction, most?: number): Iterable<Buffer> {
    return this.read().from(rank, direction, most);
  }

  set(rank: number, item: Buffer): void {
    this.edit((items) => items.set(rank, ownBytes(item)));
  }

  insert(rank: number, item: Buffer): void {
    this.edit((items) => items.insert(rank, ownBytes(item)));
  }

  deleteRange(from: number, to: number): void {
    if (from >= to) return;
    if (from <= 0 && to >= this.count) return void this.host.delete(this.key);
    this.edit((items) => items.deleteRange(from, to));
  }

  private read(): Items {
    return readItems(this.host, this.key);
  }

  private edit(edit: (items: EditableItems) => void): void {
    change(this.host, this.key, 'list', ({ items }) => edit(items));
  }
}
