/**
 * A node on a slow disk: the shipped node, but that each sync of its log takes so many milliseconds more.
 *
 *   TALUS_SYNC_DELAY_MS=2 node dist/bench/slow-disk-node.js --config node.yaml
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { loadConfig } from '../src/config.js';
import { nodeConfigSchema } from '../src/node/config.js';
import { realDisk, runNode } from '../src/node/process.js';
import type { AppendFile, Files } from '../src/storage/files.js';

const delayMs = Number(process.env.TALUS_SYNC_DELAY_MS ?? '0');

function slowed(files: Files): Files {
  return {
    ...files,
    create: async (path) => slowFile(await files.create(path)),
    open: async (path) => slowFile(await files.open(path)),
  };
}

function slowFile(file: AppendFile): AppendFile {
  return {
    get lengthBytes() {
      return file.lengthBytes;
    },
    append: (chunks) => file.append(chunks),
    sync: async () => {
      await file.sync();
      await sleep(delayMs);
    },
    truncate: (lengthBytes) => file.truncate(lengthBytes),
    close: () => file.close(),
  };
}

const { values } = parseArgs({ options: { config: { type: 'string' } } });
const config = loadConfig(nodeConfigSchema, { file: values.config, env: process.env });
const disk = realDisk(config);
await runNode(config, { ...disk, files: slowed(disk.files) });
process.exit(0);
