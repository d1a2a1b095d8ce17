/**
 * Where the data of entries lies while the tail holds them: next to each other, in memory that holds nothing else.
 *
 * As it comes, an entry of some bytes is a slice of something larger: of a message with many entries, or of the slab that Node cuts its
 * small buffers from, beside what lives for a moment. The tail holds entries for minutes, and would hold all of that. It lets go of
 * the oldest first, and so of whole slabs. One of these for each tail, then.
 */
import { ownBytes } from '../bytes.js';

const SLAB_BYTES = 8192;
/** Larger ones are their own slab. */
const SHARED_BYTES_MAX = 2048;

const NOTHING = Buffer.alloc(0);

export class EntryMemory {
  private slab = NOTHING;
  private used = 0;

  /** The same bytes; nothing else is kept alive by them, but for their like. */
  keep(data: Buffer): Buffer {
    const { length } = data;
    if (length === 0) return NOTHING;
    if (length > SHARED_BYTES_MAX) return ownBytes(data);
    if (this.used + length > this.slab.length) {
      this.slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
      this.used = 0;
    }
    const kept = this.slab.subarray(this.used, this.used + length);
    this.used += length;
    data.copy(kept);
    return kept;
  }
}
