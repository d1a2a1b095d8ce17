/**
 * The small files of a node, written whole: who it is and what it last knew. People read them, so they are JSON.
 */
import type { Env } from '../env.js';
import type { Random } from '../random.js';
import { isDiskFull } from '../storage/disk-full.js';
import type { Files } from '../storage/files.js';

export const REGISTRATION_FILE = 'registration.json';
const ROOM_LOOK_MS = 500;

export async function readJson<T>(files: Files, path: string): Promise<T | undefined> {
  const bytes = await files.readWhole(path);
  if (bytes === undefined) return undefined;
  try {
    return JSON.parse(bytes.toString()) as T;
  } catch (why) {
    throw new Error(
      `${path} is damaged (${(why as Error).message}): bring it back, or give the node an empty data-dir`,
    );
  }
}

/** Durable when it resolves. */
export function writeJson(files: Files, path: string, value: object): Promise<void> {
  return files.writeWhole(path, Buffer.from(`${JSON.stringify(value, undefined, 2)}\n`));
}

/** Writes as writeJson does; where the disk is full, again and again until there is room, or nobody wants it any more. */
export function jsonKeeper(
  { env, files }: { readonly env: Env; readonly files: Files },
  isOver: () => boolean,
): (path: string, value: object) => Promise<void> {
  return async (path, value) => {
    while (!isOver()) {
      try {
        return await writeJson(files, path, value);
      } catch (why) {
        if (!isDiskFull(why)) throw why;
        env.log.warn('a file waits for room on the disk', { path });
      }
      await new Promise<void>((resolve) => env.after(ROOM_LOOK_MS, resolve));
    }
  };
}

/** By which PM knows a node that it gave an identity to and that never heard of it. Made once. */
export async function registrationKey(files: Files, random: Random): Promise<string> {
  const existing = await readJson<{ readonly key: string }>(files, REGISTRATION_FILE);
  if (existing !== undefined) return existing.key;
  const key = Array.from({ length: 4 }, () => random.u32().toString(16).padStart(8, '0')).join('');
  await writeJson(files, REGISTRATION_FILE, { key });
  return key;
}
