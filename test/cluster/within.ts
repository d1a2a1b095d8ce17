/** What a test waits for, in words: they, and what was answered last, are its failure. */
import assert from 'node:assert/strict';
import { waitUntil } from '../../jepsen-style/processes.js';

const WAIT_MS_MAX = 90_000;

/** Asks until the answer is yes; an answer that throws is a no whose reason is kept. */
export async function within(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  let why: unknown;
  const asked = async (): Promise<boolean> => {
    why = 'the answer was no';
    try {
      return await holds();
    } catch (error) {
      why = error;
      return false;
    }
  };
  assert.ok(await waitUntil(asked, WAIT_MS_MAX, 50), `not within ${WAIT_MS_MAX} ms: ${what}: ${String(why)}`);
}
