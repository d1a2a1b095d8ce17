/**
 * Which segments there must be, from the first to the last: kept beside the log, because nothing in it shows that its oldest or its
 * newest files were taken away.
 *
 * Written before the first frame goes to a new segment, and before an old one is removed; so after a crash there may be one segment
 * more at either end than it says, and never one less. A log without this file is of an earlier version, and taken as it is.
 */
import type { Files } from './files.js';

export const BOUNDS_FILE = 'binlog-bounds.json';

export interface SegmentBounds {
  readonly oldest: number;
  readonly newest: number;
}

export async function readBounds(files: Files): Promise<SegmentBounds | undefined> {
  const bytes = await files.readWhole(BOUNDS_FILE);
  return bytes && parsed(bytes.toString());
}

/**
 * Writes them, one change after the other: the log may roll while purge takes its oldest segment, and neither may take back what
 * the other has said.
 */
export class BoundsWriter {
  private turn: Promise<void> = Promise.resolve();

  constructor(
    private readonly files: Files,
    private written: SegmentBounds,
  ) {}

  /** Durable when it resolves; when it rejects nothing has changed. */
  change(change: Partial<SegmentBounds>): Promise<void> {
    const done = this.turn.then(async () => {
      const { oldest, newest } = { ...this.written, ...change };
      await this.files.writeWhole(BOUNDS_FILE, Buffer.from(`${JSON.stringify({ oldest, newest })}\n`));
      this.written = { oldest, newest };
    });
    this.turn = done.catch(() => {});
    return done;
  }
}

/** One that rotted proves nothing. */
function parsed(text: string): SegmentBounds | undefined {
  const [, oldest, newest] = /^\{"oldest":(\d{1,10}),"newest":(\d{1,10})\}\n$/.exec(text) ?? [];
  return oldest === undefined ? undefined : { oldest: Number(oldest), newest: Number(newest) };
}
