/**
 * The 80-bit floating point format of x86, in exact integer arithmetic: read, add, print.
 *
 * Redis computes INCRBYFLOAT in C's `long double` and prints `%.17Lf` without trailing zeros. On x86-64 that is a
 * mantissa of 64 bits and an exponent of 15. Doubles show other digits (0.1 + 0.2), and exact decimals show fewer than Redis
 * does for large values; so the format itself is computed here: every operation is exact on BigInt and then rounded once, to
 * nearest, ties to even, as the processor and the C library do. Nothing depends on the machine that runs it.
 *
 * A finite value is `mantissa * 2^exponent` with |mantissa| < 2^64. Left out: NaN, which neither road can keep.
 */
export type LongDouble =
  | { readonly kind: 'finite'; readonly mantissa: bigint; readonly exponent: number }
  | { readonly kind: 'infinite' };

type Finite = Extract<LongDouble, { kind: 'finite' }>;

export const ZERO: Finite = { kind: 'finite', mantissa: 0n, exponent: 0 };

const MANTISSA_BITS = 64;
/** Of the last bit of a mantissa: the smallest denormal, and one above the largest number. */
const EXPONENT_MIN = -16445;
const EXPONENT_MAX = 16384 - MANTISSA_BITS;
/** Decimal magnitudes that are beyond the format for certain, so that no giant power is computed for them. */
const MAGNITUDE_MAX = 5000;
/** Redis copies the text into a buffer of this size first. */
const TEXT_BYTES_MAX = 5 * 1024;
const FRACTION_DIGITS = 17;
const FRACTION_SCALE = 10n ** BigInt(FRACTION_DIGITS);

const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?(?:e([+-]?\d+))?$/i;
const HEXADECIMAL = /^([+-]?)0x([0-9a-f]*)(?:\.([0-9a-f]*))?(?:p([+-]?\d+))?$/i;
const INFINITE = /^[+-]?inf(?:inity)?$/i;

/** What Redis' string2ld accepts (strtold, whole text, no leading space, no overflow or underflow); else undefined. */
export function parseLongDouble(bytes: Buffer): LongDouble | undefined {
  if (bytes.length === 0 || bytes.length >= TEXT_BYTES_MAX) return undefined;
  const text = bytes.toString('latin1');
  if (INFINITE.test(text)) return { kind: 'infinite' };
  const decimal = DECIMAL.exec(text);
  if (decimal !== null) return parseDigits(decimal, 10);
  const hexadecimal = HEXADECIMAL.exec(text);
  return hexadecimal === null ? undefined : parseDigits(hexadecimal, 16);
}

function parseDigits(parts: RegExpExecArray, base: 10 | 16): LongDouble | undefined {
  const [, sign, whole = '', fraction = '', power = '0'] = parts;
  const digits = whole + fraction;
  if (digits === '') return undefined;
  const units = BigInt(base === 10 ? digits : `0x${digits}`);
  if (units === 0n) return ZERO;
  const exponent = Number(power) - fraction.length * (base === 10 ? 1 : 4);
  const magnitude = exponent / (base === 10 ? 1 : 3) + digits.length;
  if (Math.abs(magnitude) > 2 * MAGNITUDE_MAX + TEXT_BYTES_MAX) return undefined;
  const value = base === 10 ? scaleByTen(units, exponent) : round(units, 1n, exponent);
  if (value === undefined || value.mantissa === 0n) return undefined;
  return sign === '-' ? { ...value, mantissa: -value.mantissa } : value;
}

function scaleByTen(units: bigint, power: number): Finite | undefined {
  return power >= 0 ? round(units * 10n ** BigInt(power), 1n, 0) : round(units, 10n ** BigInt(-power), 0);
}

/** The sum; undefined where C would have an infinity or no number. */
export function addLongDoubles(left: LongDouble, right: LongDouble): LongDouble | undefined {
  if (left.kind === 'infinite' || right.kind === 'infinite') return undefined;
  const exponent = Math.min(left.exponent, right.exponent);
  const sum = shifted(left, exponent) + shifted(right, exponent);
  if (sum === 0n) return ZERO;
  const value = round(sum < 0n ? -sum : sum, 1n, exponent);
  return value && sum < 0n ? { ...value, mantissa: -value.mantissa } : value;
}

function shifted(value: Finite, exponent: number): bigint {
  return value.mantissa << BigInt(value.exponent - exponent);
}

/** `%.17Lf` without the zeros at its end. */
export function formatLongDouble(value: LongDouble): string {
  if (value.kind === 'infinite') return 'inf';
  const negative = value.mantissa < 0n;
  const units = scaledUnits(negative ? -value.mantissa : value.mantissa, value.exponent);
  const digits = units.toString().padStart(FRACTION_DIGITS + 1, '0');
  const fraction = digits.slice(-FRACTION_DIGITS).replace(/0+$/, '');
  const text = digits.slice(0, -FRACTION_DIGITS) + (fraction === '' ? '' : `.${fraction}`);
  return negative && text !== '0' ? `-${text}` : text;
}

/** The value in units of the last decimal digit that is printed. */
function scaledUnits(mantissa: bigint, exponent: number): bigint {
  const scaled = mantissa * FRACTION_SCALE;
  return exponent >= 0 ? scaled << BigInt(exponent) : divideToEven(scaled, 1n << BigInt(-exponent));
}

/** `numerator / denominator * 2^exponent` in the format; undefined beyond its largest number. */
function round(numerator: bigint, denominator: bigint, exponent: number): Finite | undefined {
  const bits = bitLength(numerator) - bitLength(denominator);
  let shift = Math.max(bits - MANTISSA_BITS, EXPONENT_MIN - exponent);
  let mantissa = quotient(numerator, denominator, shift);
  if (bitLength(mantissa) > MANTISSA_BITS) {
    shift++;
    mantissa = quotient(numerator, denominator, shift);
  }
  if (bitLength(mantissa) > MANTISSA_BITS) {
    shift++;
    mantissa >>= 1n;
  }
  return shift + exponent > EXPONENT_MAX
    ? undefined
    : { kind: 'finite', mantissa, exponent: shift + exponent };
}

/** `numerator / denominator / 2^shift`, rounded. */
function quotient(numerator: bigint, denominator: bigint, shift: number): bigint {
  return shift >= 0
    ? divideToEven(numerator, denominator << BigInt(shift))
    : divideToEven(numerator << BigInt(-shift), denominator);
}

function divideToEven(numerator: bigint, denominator: bigint): bigint {
  const whole = numerator / denominator;
  const twiceRest = (numerator % denominator) * 2n;
  const up = twiceRest > denominator || (twiceRest === denominator && (whole & 1n) === 1n);
  return up ? whole + 1n : whole;
}

function bitLength(value: bigint): number {
  if (value === 0n) return 0;
  const hexadecimal = value.toString(16);
  return hexadecimal.length * 4 - Math.clz32(Number.parseInt(hexadecimal[0]!, 16)) + 28;
}
