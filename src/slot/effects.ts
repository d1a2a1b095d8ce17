/**
 * What a run did to keys: name -> record, undefined for one that is removed. Most runs touch one key, and for one there is no Map.
 */
import type { KeyRecord } from './txn.js';

export class Effects {
  private size = 0;
  private name = '';
  private record: KeyRecord | undefined;
  /** All of them, once there are two. */
  private all: Map<string, KeyRecord | undefined> | undefined;

  has(name: string): boolean {
    if (this.all !== undefined) return this.all.has(name);
    return this.size === 1 && this.name === name;
  }

  get(name: string): KeyRecord | undefined {
    if (this.all !== undefined) return this.all.get(name);
    return this.size === 1 && this.name === name ? this.record : undefined;
  }

  set(name: string, record: KeyRecord | undefined): void {
    if (this.all === undefined && (this.size === 0 || this.name === name)) {
      this.size = 1;
      this.name = name;
      this.record = record;
      return;
    }
    this.all ??= new Map([[this.name, this.record]]);
    this.all.set(name, record);
  }

  each(take: (record: KeyRecord | undefined, name: string) => void): void {
    if (this.all !== undefined) this.all.forEach(take);
    else if (this.size === 1) take(this.record, this.name);
  }

  clear(): void {
    this.size = 0;
    this.name = '';
    this.record = undefined;
    this.all = undefined;
  }

  copy(): Effects {
    const copy = new Effects();
    this.each((record, name) => copy.set(name, record));
    return copy;
  }
}
