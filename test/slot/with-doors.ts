/** The doors to collections over any get, put and delete: for fakes and models that hold whole records. */
import type {
  EditableFields,
  EditableItems,
  EditableSorted,
  Fields,
  Items,
  Sorted,
} from '../../src/slot/doors.js';
import {
  editFields,
  editItems,
  editSorted,
  readFields,
  readItems,
  readSorted,
} from '../../src/slot/editors.js';
import type { KeyRecord } from '../../src/slot/txn.js';

export abstract class WithDoors {
  abstract get(key: Buffer): KeyRecord | undefined;
  abstract put(key: Buffer, record: KeyRecord): void;
  abstract delete(key: Buffer): boolean;

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
}
