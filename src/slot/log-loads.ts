/**
 * Old entries of the log for a follower that lags.
 */
import type { Env } from '../env.js';
import type { EntryLoad } from '../raft/ready.js';
import type { Binlog, BinlogEntry } from '../storage/binlog.js';

/** None where they can't be read: the core asks again, and the log says why. */
export async function entriesFor(
  { binlog, env }: { readonly binlog: Binlog; readonly env: Env },
  replicaId: number,
  load: EntryLoad,
): Promise<readonly BinlogEntry[]> {
  return binlog.read(replicaId, load.from, load.bytesMax).catch((why) => {
    env.log.warn('log entries could not be read for a follower', { why: String(why), ...load });
    return [];
  });
}
