/**
 * Reads segments whole, one after the other, beside the work on what is in them.
 */
import type { BinlogOptions } from './binlog.js';
import { BINLOG_FOLDER, type SegmentScanner, segmentOfName, segmentPath } from './binlog-segment.js';
import type { Files } from './files.js';

export type NextTurn = NonNullable<BinlogOptions['nextTurn']>;

/** Scanned between two turns of the event loop: some 10 ms. */
const SLICE_BYTES = 4 * 1024 * 1024;
/** Segments are of about one size: what one fits in, the next one should. */
const ROOM_BYTES = 1024 * 1024;

export async function segmentsIn(files: Files): Promise<number[]> {
  const numbers: number[] = [];
  for (const name of await files.list(BINLOG_FOLDER)) {
    const segment = segmentOfName(name);
    if (segment !== undefined) numbers.push(segment);
  }
  return numbers.sort((a, b) => a - b);
}

/**
 * In this order, the next one being read while its taker is busy with the one before, into memory that two of them have in turns:
 * bytes are good until the next are asked for.
 */
export async function* wholeSegments(
  files: Files,
  segments: readonly number[],
): AsyncGenerator<{ readonly segment: number; readonly bytes: Buffer }> {
  const rooms = [Buffer.alloc(0), Buffer.alloc(0)];
  const read = (at: number): Promise<Buffer | undefined> => {
    const reading = files.readWhole(segmentPath(segments[at]!), (lengthBytes) => {
      if (rooms[at % 2]!.length < lengthBytes) rooms[at % 2] = Buffer.allocUnsafe(lengthBytes + ROOM_BYTES);
      return rooms[at % 2]!;
    });
    // Who stops before it has come has a reason already.
    reading.catch(() => {});
    return reading;
  };
  let ahead = segments.length > 0 ? read(0) : undefined;
  for (const [at, segment] of segments.entries()) {
    const bytes = (await ahead) ?? Buffer.alloc(0);
    ahead = at + 1 < segments.length ? read(at + 1) : undefined;
    yield { segment, bytes };
  }
}

/** The event loop gets its turn in between: the file after this one is being read meanwhile. */
export async function scanInTurns(scanner: SegmentScanner, nextTurn: NextTurn): Promise<void> {
  for (let until = SLICE_BYTES; !scanner.isDone; until += SLICE_BYTES) {
    scanner.scan(until);
    if (!scanner.isDone) await nextTurn();
  }
}
