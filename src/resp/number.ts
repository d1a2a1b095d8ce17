/**
 * Numbers as the protocol spells them.
 *
 * Integers are read as strictly as Redis' string2ll reads them: no sign but `-`, no leading zero, no `-0`,
 * 64 bits. Doubles are written as Redis 7.2 writes them (its d2string): whole numbers in full as long as they
 * are below 2^62, else the fewest digits that give the same double back, an exponent only where it is shorter.
 * Arithmetic on either is not the business of this file.
 */
const ZERO = 48;
const MINUS = 45;
/** Fewer digits than this are always a safe integer, so they need no bigint. */
const SAFE_DIGITS_MAX = 15;
const INT64_DIGITS_MAX = 19;
const INT64_MAX = 9223372036854775807n;
const INT64_MIN = -9223372036854775808n;
/** Redis prints a whole double as an integer when it lies in +-LLONG_MAX / 2. */
const WHOLE_DOUBLE_MAX = 2 ** 62;

const DOUBLE_SYNTAX = /^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/;

/** The 64-bit signed integer that `bytes[start, end)` spells, a bigint only outside the safe integers. */
export function parseInteger(bytes: Buffer, start: number, end: number): number | bigint | undefined {
  const negative = bytes[start] === MINUS && start < end;
  const first = negative ? start + 1 : start;
  const digits = end - first;
  if (digits < 1 || digits > INT64_DIGITS_MAX) return undefined;
  if (bytes[first] === ZERO) return digits === 1 && !negative ? 0 : undefined;
  let value = 0;
  for (let at = first; at < end; at++) {
    const digit = bytes[at]! - ZERO;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  if (digits <= SAFE_DIGITS_MAX) return negative ? -value : value;
  return parseLongInteger(bytes.toString('latin1', start, end));
}

function parseLongInteger(text: string): number | bigint | undefined {
  const exact = BigInt(text);
  if (exact > INT64_MAX || exact < INT64_MIN) return undefined;
  const near = Number(exact);
  return Number.isSafeInteger(near) ? near : exact;
}

/** What `formatDouble` writes and any other decimal or exponent spelling; undefined for anything else. */
export function parseDouble(text: string): number | undefined {
  switch (text) {
    case 'inf':
    case '+inf':
      return Number.POSITIVE_INFINITY;
    case '-inf':
      return Number.NEGATIVE_INFINITY;
    case 'nan':
    case '-nan':
      return Number.NaN;
  }
  return DOUBLE_SYNTAX.test(text) ? Number(text) : undefined;
}

export function formatDouble(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (value === Number.POSITIVE_INFINITY) return 'inf';
  if (value === Number.NEGATIVE_INFINITY) return '-inf';
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  if (Number.isSafeInteger(value)) return String(value);
  if (Number.isInteger(value) && Math.abs(value) <= WHOLE_DOUBLE_MAX) return String(BigInt(value));
  return formatShortest(value);
}

/** The fewest digits, laid out by the rules of the fpconv_dtoa that Redis carries. */
function formatShortest(value: number): string {
  const sign = value < 0 ? '-' : '';
  const [mantissa = '', exponentText = ''] = Math.abs(value).toExponential().split('e');
  const digits = mantissa.replace('.', '');
  const exponent = Number(exponentText);
  /** value = digits * 10^power */
  const power = exponent - digits.length + 1;
  if (power >= 0 && exponent < digits.length + 7) return sign + digits + '0'.repeat(power);
  if (power < 0 && (power > -7 || Math.abs(exponent) < 4)) return sign + pointed(digits, power);
  const fraction = digits.length > 1 ? `.${digits.slice(1)}` : '';
  return `${sign}${digits[0]}${fraction}e${exponent < 0 ? '-' : '+'}${Math.abs(exponent)}`;
}

function pointed(digits: string, power: number): string {
  const whole = digits.length + power;
  if (whole <= 0) return `0.${'0'.repeat(-whole)}${digits}`;
  return `${digits.slice(0, whole)}.${digits.slice(whole)}`;
}
