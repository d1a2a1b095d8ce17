/**
 * The engine's side of the window in expiry.ts: parts of a state's expiry index, in its order.
 */
import type { Engine } from '../storage/engine.js';
import { type Due, EXPIRIES_KEPT, ExpiryWindow } from './expiry.js';
import { expiryKey, expiryRange, parseExpiryKey } from './keys.js';

/** Which keys of a stored state die first, and when. */
export async function loadExpiry(
  engine: Engine,
  stateId: number,
  kept = EXPIRIES_KEPT,
): Promise<ExpiryWindow> {
  const expiry = new ExpiryWindow(false, kept);
  const { part, next } = await readExpiries(engine, stateId, expiry.horizon!, kept);
  expiry.extend(part, next, []);
  return expiry;
}

/** Up to `most` rows of the expiry index from a place on, and the place where it goes on. */
export async function readExpiries(
  engine: Engine,
  stateId: number,
  { expireAtMs, key }: Due,
  most: number,
): Promise<{ readonly part: readonly Due[]; readonly next: Due | undefined }> {
  const { to } = expiryRange(stateId);
  const cursor = engine.iterate({ from: expiryKey(stateId, expireAtMs, key), to });
  const rows: Due[] = [];
  for (let page = await cursor.next(most + 1); page.length > 0; ) {
    for (const [bytes] of page) rows.push(parseExpiryKey(bytes));
    // It gives fewer at once where they are large.
    page = rows.length > most ? [] : await cursor.next(most + 1 - rows.length);
  }
  await cursor.close();
  return { part: rows.slice(0, most), next: rows[most] };
}
