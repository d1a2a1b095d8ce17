/**
 * The memo of the search: which configurations (what is placed, and the state it led to) were tried already.
 *
 * A configuration is a short run of 32-bit words. The hash only finds the bucket; words are always compared
 * whole, because a wrong "seen" would turn a legal history into an illegal one. All records live in one flat
 * array: millions of them cost no objects.
 */
const SLOTS_AT_START = 1024;
const WORDS_AT_START = 8192;

export class ConfigurationSet {
  /** Index of a record in `words` plus one; 0 is a free slot. Length is a power of two. */
  private slots = new Int32Array(SLOTS_AT_START);
  /** Records: length, hash, then the configuration itself. */
  private words = new Int32Array(WORDS_AT_START);
  private wordsUsed = 0;
  private count = 0;

  get size(): number {
    return this.count;
  }

  /** Adds the first `length` words of `key`; false when they are there already. */
  add(key: Int32Array, length: number): boolean {
    if (this.count * 2 >= this.slots.length) this.rehash();
    const hash = hashOf(key, length);
    const mask = this.slots.length - 1;
    let slot = hash & mask;
    for (let at = this.slots[slot]!; at !== 0; at = this.slots[slot]!) {
      if (this.equals(at - 1, hash, key, length)) return false;
      slot = (slot + 1) & mask;
    }
    this.slots[slot] = this.append(hash, key, length) + 1;
    this.count++;
    return true;
  }

  private equals(at: number, hash: number, key: Int32Array, length: number): boolean {
    const words = this.words;
    if (words[at] !== length || words[at + 1] !== hash) return false;
    for (let index = 0; index < length; index++) {
      if (words[at + 2 + index] !== key[index]) return false;
    }
    return true;
  }

  private append(hash: number, key: Int32Array, length: number): number {
    const at = this.wordsUsed;
    if (at + length + 2 > this.words.length) {
      const grown = new Int32Array(Math.max(this.words.length * 2, at + length + 2));
      grown.set(this.words);
      this.words = grown;
    }
    this.words[at] = length;
    this.words[at + 1] = hash;
    for (let index = 0; index < length; index++) this.words[at + 2 + index] = key[index]!;
    this.wordsUsed = at + length + 2;
    return at;
  }

  private rehash(): void {
    const slots = new Int32Array(this.slots.length * 2);
    const mask = slots.length - 1;
    for (let at = 0; at < this.wordsUsed; at += this.words[at]! + 2) {
      let slot = this.words[at + 1]! & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = at + 1;
    }
    this.slots = slots;
  }
}

function hashOf(key: Int32Array, length: number): number {
  let hash = length;
  for (let index = 0; index < length; index++) {
    hash = Math.imul(hash ^ key[index]!, 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  hash = Math.imul(hash ^ (hash >>> 13), 0x85ebca6b);
  return hash ^ (hash >>> 16);
}
