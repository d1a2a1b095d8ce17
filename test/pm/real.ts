/**
 * What tests on real sockets and disks share: an Env, a folder that goes away, a wait for a condition.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Env, silentLog } from '../../src/env.js';
import { systemEnv } from '../../src/system-env.js';

export const realEnv: Env = systemEnv(silentLog);

export async function temporaryFolder(context: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'talus-pm-'));
  context.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

type Truthy<T> = Exclude<T, false | undefined | null>;

/** Polls until `condition` answers something true; the limit is only there to end a broken run. */
export async function eventually<T>(what: string, condition: () => T | Promise<T>): Promise<Truthy<T>> {
  for (let round = 0; round < 1500; round++) {
    const value = await condition();
    if (value) return value as Truthy<T>;
    await sleep(20);
  }
  throw new Error(`never came true: ${what}`);
}
