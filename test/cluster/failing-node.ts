/**
 * A node that kills itself at a failpoint: `talus node` on a disk that is watched (test/storage/watched-disk.ts).
 *
 *   node failing-node.js node.yaml ['{"point": "log append", "moment": "after", "hits": 1}']
 *
 * A trap is laid at the start, or by a message from the parent at any later time; without one it is a node like any other. Its bounds on the
 * log are below what an operator may set, so that segments roll and are purged within seconds. SIGKILL, as a kernel sends it: nothing
 * is flushed, nothing is said. `during` comes after the operation was handed to the system and before it is known to be done.
 */
import { loadConfig } from '../../src/config.js';
import { nodeConfigSchema } from '../../src/node/config.js';
import { realDisk, runNode } from '../../src/node/process.js';
import type { Failpoint } from '../storage/failpoints.js';
import { type Listener, type Moment, watchedEngine, watchedFiles } from '../storage/watched-disk.js';

export interface Trap {
  readonly point: Failpoint;
  readonly moment: Moment;
  /** It dies at this one, counted from when the trap was laid. */
  readonly hits: number;
}

const SEGMENT_BYTES = 16 * 1024;
const BINLOG_BYTES_MAX = 48 * 1024;

const [file, words] = process.argv.slice(2);
let trap = words === undefined ? undefined : (JSON.parse(words) as Trap);
let hitsLeft = trap?.hits ?? 0;

process.on('message', (message) => {
  trap = message as Trap;
  hitsLeft = trap.hits;
});

const listen: Listener = (point, moment) => {
  if (trap?.point !== point || trap.moment !== moment || --hitsLeft > 0) return;
  process.kill(process.pid, 'SIGKILL');
};

const config = {
  ...loadConfig(nodeConfigSchema, { file, env: process.env }),
  segmentBytes: SEGMENT_BYTES,
  binlogBytesMax: BINLOG_BYTES_MAX,
};
const disk = realDisk(config);
await runNode(config, {
  files: watchedFiles(disk.files, listen),
  engine: (env, fatal) => {
    const { openEngine, renewEngine } = disk.engine(env, fatal);
    return {
      openEngine: async () => watchedEngine(await openEngine(), listen),
      renewEngine: async () => watchedEngine(await renewEngine(), listen),
    };
  },
});
process.exit(0);
