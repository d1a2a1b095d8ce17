/**
 * Passwords at rest: `scrypt$N$r$p$salt$hash`, salt and hash in base64url. The cost is part of the text, so that it can be
 * raised later without invalidating what exists. Verification takes tens of milliseconds on purpose: whoever checks many
 * must remember successes and limit attempts.
 */
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

const COST = { N: 16384, r: 8, p: 1 };
const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** 128 * N * r of any cost that is accepted: a forged hash must not exhaust memory. */
const MEMORY_BYTES_MAX = 256 * 1024 * 1024;

interface Cost {
  readonly N: number;
  readonly r: number;
  readonly p: number;
}

export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const hash = await derive(password, salt, HASH_BYTES, COST);
  return `scrypt$${COST.N}$${COST.r}$${COST.p}$${salt.toString('base64url')}$${hash.toString('base64url')}`;
}

/** False for a wrong password and for a text that is no hash. Compares in constant time. */
export async function verifyPassword(password: string, stored: string): Promise<boolean> {
  const parsed = parseHash(stored);
  if (parsed === undefined) return false;
  const hash = await derive(password, parsed.salt, parsed.hash.length, parsed.cost);
  return timingSafeEqual(hash, parsed.hash);
}

function parseHash(stored: string): { salt: Buffer; hash: Buffer; cost: Cost } | undefined {
  const match = /^scrypt\$(\d+)\$(\d+)\$(\d+)\$([\w-]+)\$([\w-]+)$/.exec(stored);
  if (match === null) return undefined;
  const [N, r, p] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const hash = Buffer.from(match[5]!, 'base64url');
  const isPowerOfTwo = N >= 2 && Number.isInteger(Math.log2(N));
  const isAffordable = 128 * N * r <= MEMORY_BYTES_MAX && r >= 1 && p >= 1 && p <= 16;
  if (!isPowerOfTwo || !isAffordable || hash.length < 16) return undefined;
  return { salt: Buffer.from(match[4]!, 'base64url'), hash, cost: { N, r, p } };
}

function derive(password: string, salt: Buffer, lengthBytes: number, cost: Cost): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const options = { ...cost, maxmem: MEMORY_BYTES_MAX + 1024 * 1024 };
    scrypt(password, salt, lengthBytes, options, (error, key) => (error ? reject(error) : resolve(key)));
  });
}
