/**
 * What `talus binlog` does in a folder: finds the binlog there, and reads it. A node's data folder will do, or its `binlog/`.
 */
import { existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { type Inspection, inspectBinlog } from '../storage/binlog-inspect.js';
import { BINLOG_FOLDER } from '../storage/binlog-segment.js';
import type { Files } from '../storage/files.js';
import { nodeFiles } from '../storage/node-files.js';
import { type DumpFilter, type DumpLine, linesOf, textOfLine } from './binlog-dump.js';

export { type DumpFilter, type DumpLine, type Inspection, textOfLine };

export function dumpBinlog(
  folder: string,
  filter: DumpFilter,
  print: (line: DumpLine) => void,
): Promise<Inspection> {
  return inspectBinlog(binlogAt(folder), (frame, segment) => {
    for (const line of linesOf(frame, segment, filter)) print(line);
  });
}

/** Payloads are decoded too: a frame with a good checksum may still make no sense. */
export function verifyBinlog(folder: string): Promise<Inspection> {
  return inspectBinlog(binlogAt(folder), (frame, segment) => void linesOf(frame, segment, {}));
}

function binlogAt(folder: string): Files {
  const path = resolve(folder);
  const root = basename(path) === BINLOG_FOLDER ? dirname(path) : path;
  if (!existsSync(join(root, BINLOG_FOLDER)))
    throw new Error(
      `no binlog in ${folder}: expected a node's data-dir, or the folder ${BINLOG_FOLDER} in it`,
    );
  return nodeFiles(root);
}
