/**
 * How a segment begins: its file, its header and its name are durable, and so are the bounds that name it as the newest, before a
 * batch goes there. One that found no room half-way is taken away again, and begun once more under the same number.
 */
import type { BoundsWriter } from './binlog-bounds.js';
import {
  BINLOG_FOLDER,
  encodeSegmentHeader,
  type SegmentHeader,
  segmentOfName,
  segmentPath,
} from './binlog-segment.js';
import type { AppendFile, Files } from './files.js';

export async function beginSegment(
  files: Files,
  header: SegmentHeader,
  bounds: BoundsWriter,
): Promise<AppendFile> {
  const { segment } = header;
  const file = await files.create(segmentPath(segment));
  try {
    await file.append([encodeSegmentHeader(header)]);
    await file.sync();
    await files.syncFolder(BINLOG_FOLDER);
    await bounds.change({ newest: segment });
  } catch (why) {
    await file.close();
    throw why;
  }
  return file;
}

/** Removes a segment that was begun and has not got as far as its first frame. */
export async function abandonSegment(files: Files, segment: number): Promise<void> {
  const names = await files.list(BINLOG_FOLDER);
  if (names.some((name) => segmentOfName(name) === segment)) await files.remove(segmentPath(segment));
  await files.syncFolder(BINLOG_FOLDER);
}
