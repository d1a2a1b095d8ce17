/**
 * Dice as data: a small generator whose whole state is a seed.
 *
 * xoshiro128** (Blackman, Vigna 2018) seeded through splitmix32. Not for secrets.
 */
export interface Random {
  /** Uniform in [0, 2^32). */
  u32(): number;
  /** Uniform in [0, 1), 53 bits. */
  float(): number;
  /** Uniform integer in [0, bound); `bound` in 1..2^32. */
  below(bound: number): number;
}

/** A generator that depends on the given numbers only; each part is taken as 32 bits. */
export function seededRandom(...parts: readonly number[]): Random {
  let mix = 0x9e3779b9;
  const next = (): number => {
    mix = (mix + 0x9e3779b9) | 0;
    let z = mix;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return z ^ (z >>> 16);
  };
  for (const part of parts) {
    mix = (mix ^ (part | 0)) | 0;
    next();
    mix = (mix ^ Math.floor(part / 4294967296)) | 0;
    mix = next();
  }
  let a = next();
  let b = next();
  let c = next();
  let d = next() | 1;
  const u32 = (): number => {
    const scrambled = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0;
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = rotateLeft(d, 11);
    return scrambled;
  };
  return {
    u32,
    float: () => ((u32() >>> 5) * 67108864 + (u32() >>> 6)) / 9007199254740992,
    below: (bound) => Math.floor((u32() / 4294967296) * bound),
  };
}

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
