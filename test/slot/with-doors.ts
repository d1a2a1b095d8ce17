/** The doors to collections over any get, put and delete: for fakes and models, which hold whole records and no pages. */
import type { BodyLimits, Life } from '../../src/slot/body.js';
import type {
  EditableFields,
  EditableItems,
  EditableSorted,
  EditableText,
  Fields,
  Items,
  Sorted,
  Text,
} from '../../src/slot/doors.js';
import {
  copyKey,
  editFields,
  editItems,
  editSorted,
  readFields,
  readItems,
  readSorted,
} from '../../src/slot/editors.js';
import { editText, readText } from '../../src/slot/text.js';
import type { KeyRecord } from '../../src/slot/txn.js';

export abstract class WithDoors {
  readonly limits: BodyLimits = {
    inlineEntriesMax: Number.POSITIVE_INFINITY,
    inlineBytesMax: Number.POSITIVE_INFINITY,
    pageBytesTarget: 1024,
    stringBytesMax: Number.POSITIVE_INFINITY,
    chunkBytes: 1024,
  };

  abstract get(key: Buffer): KeyRecord | undefined;
  abstract put(key: Buffer, record: KeyRecord): void;
  abstract delete(key: Buffer): boolean;

  shortText(key: Buffer): string | undefined {
    const record = this.get(key);
    const isShort = record?.kind === 'string' && Buffer.isBuffer(record.value) && record.value.length < 100;
    return isShort ? record.value.toString('latin1') : undefined;
  }

  text(key: Buffer): Text {
    return readText(this, key);
  }

  prefetchTexts(): void {}

  editText(key: Buffer): EditableText {
    return editText(this, key);
  }

  fields(key: Buffer): Fields {
    return readFields(this, key);
  }

  sorted(key: Buffer): Sorted {
    return readSorted(this, key);
  }

  items(key: Buffer): Items {
    return readItems(this, key);
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

  copy(from: Buffer, to: Buffer): boolean {
    return copyKey(this, from, to);
  }

  holdsAll(): boolean {
    return true;
  }

  readPage(): never {
    throw new Error('there are no pages');
  }

  prefetchPages(): never {
    throw new Error('there are no pages');
  }

  writePage(): never {
    throw new Error('there are no pages');
  }

  newLife(): Life {
    throw new Error('there are no pages');
  }
}
