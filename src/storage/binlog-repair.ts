/**
 * What a write that found the disk full has left behind is taken away again, before the write is tried once more.
 *
 * It needs no room on the disk, it is synced, and a failure of it is final: the log then has an end that nobody knows.
 */
import { invariant } from '../assert.js';
import { scanSegment, segmentPath } from './binlog-segment.js';
import type { AppendFile, Files } from './files.js';

/** Cuts a segment back to where its last good frame ends, and reads it whole to see that it does end there. */
export async function cutBack(
  files: Files,
  file: AppendFile,
  segment: number,
  lengthBytes: number,
): Promise<void> {
  await file.truncate(lengthBytes);
  await file.sync();
  const bytes = (await files.readWhole(segmentPath(segment))) ?? Buffer.alloc(0);
  const found = scanSegment(bytes, segment, true, { frame: () => {}, damage: () => {} });
  invariant(
    file.lengthBytes === lengthBytes && bytes.length === lengthBytes && found.endBytes === lengthBytes,
    'a segment that was cut back does not end at its last good frame',
    { segment, lengthBytes, bytes: bytes.length, endBytes: found.endBytes },
  );
}
