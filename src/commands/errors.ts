/**
 * The words of Redis 7.2 for the user's mistakes, each written once.
 *
 * Clients and their test suites compare these texts, so they are kept to the letter.
 */
import { CommandError } from './command.js';

export const SYNTAX_ERROR = 'ERR syntax error';
export const NOT_AN_INTEGER = 'ERR value is not an integer or out of range';
export const NOT_A_FLOAT = 'ERR value is not a valid float';
export const WRONG_TYPE = 'WRONGTYPE Operation against a key holding the wrong kind of value';
export const OUT_OF_RANGE = 'ERR offset is out of range';
export const NOT_POSITIVE = 'ERR value is out of range, must be positive';
export const OVERFLOW = 'ERR increment or decrement would overflow';
export const TOO_LONG = 'ERR string exceeds maximum allowed size (proto-max-bulk-len)';
export const INTERNAL_ERROR = 'ERR internal error';

/** `name` is the row's name: `get`, `config|get`. */
export function wrongArity(name: string): string {
  return `ERR wrong number of arguments for '${name}' command`;
}

export function invalidExpireTime(name: string): CommandError {
  return new CommandError(`ERR invalid expire time in '${name}' command`);
}

export function syntaxError(): CommandError {
  return new CommandError(SYNTAX_ERROR);
}

/**
 * An argument as Redis quotes it in an error: up to the first zero byte, at most `most` bytes, line ends turned into
 * spaces so that the reply stays one line.
 */
export function quoted(bytes: Buffer, most = 128): string {
  const end = bytes.indexOf(0);
  const shown = bytes.subarray(0, Math.min(most, end === -1 ? bytes.length : end));
  return shown.toString().replace(/[\r\n]/g, ' ');
}
