/**
 * What a full disk looks like from here, told apart from every other failure of a disk.
 *
 * Nothing was promised of a write that found no room, and nothing of it is needed: what was begun can be cut off and tried again.
 * Every other failure leaves a disk of which nobody knows what is on it. So does a sync that fails, whatever it says:
 * the pages that it was to write may be gone from memory although they never came to the disk, and the next sync would succeed.
 */

const FULL_CODES: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT']);
/** LevelDB hands on the system's words and no code. */
const FULL_WORDS = /no space left on device|disk quota exceeded/i;

/** A sync failed: final, also where it failed for want of room. */
export class SyncFailed extends Error {
  override readonly name = 'SyncFailed';

  constructor(path: string, why: unknown) {
    super(`${path} could not be synced: ${why instanceof Error ? why.message : String(why)}`);
  }
}

/** The disk is full, and the caller did not want to wait until it is not. */
export class DiskFull extends Error {
  override readonly name = 'DiskFull';
}

/** True of a write that failed for want of room and for no other reason. */
export function isDiskFull(why: unknown): boolean {
  if (why instanceof DiskFull) return true;
  if (!(why instanceof Error) || why instanceof SyncFailed) return false;
  if ('code' in why && FULL_CODES.has(why.code)) return true;
  return FULL_WORDS.test(why.message) || (why.cause !== undefined && isDiskFull(why.cause));
}
