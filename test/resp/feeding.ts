/**
 * Ways to cut the same bytes, and what a parser or decoder makes of them: the measure is that the cut never
 * shows in the result.
 */

import { type Random, seededRandom } from '../../src/random.js';
import { ProtocolError, RequestParser } from '../../src/resp/parser.js';

export interface Outcome {
  readonly requests: readonly string[][];
  readonly error: string | undefined;
}

export function byteByByte(bytes: Buffer): Buffer[] {
  return Array.from(bytes, (_byte, at) => bytes.subarray(at, at + 1));
}

export function randomCut(bytes: Buffer, random: Random): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const count = 1 + random.below(random.below(4) === 0 ? 64 : 7);
    pieces.push(bytes.subarray(at, at + count));
    at += count;
  }
  return pieces;
}

/** Whole, in single bytes, and in `cuts` random cuts. */
export function allCuts(bytes: Buffer, cuts: number): Buffer[][] {
  const random = seededRandom(bytes.length, 7);
  const result = [[bytes], byteByByte(bytes)];
  for (let count = 0; count < cuts; count++) result.push(randomCut(bytes, random));
  return result;
}

/** Copies each piece, so that a parser which keeps a view of a neighbour is found out. */
export function parseAll(pieces: readonly Buffer[], parser = new RequestParser()): Outcome {
  const argvs: Buffer[][] = [];
  let error: string | undefined;
  for (const piece of pieces) {
    try {
      parser.feed(Buffer.from(piece));
      for (let argv = parser.next(); argv !== undefined; argv = parser.next()) argvs.push(argv);
    } catch (failure) {
      if (!(failure instanceof ProtocolError)) throw failure;
      error = failure.message;
    }
  }
  // Only now: what was handed out must have stayed valid.
  return { requests: argvs.map((argv) => argv.map((argument) => argument.toString('latin1'))), error };
}

export function multibulk(...argv: readonly (string | Buffer)[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${argv.length}\r\n`)];
  for (const argument of argv) {
    const bytes = Buffer.from(argument as string);
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n'));
  }
  return Buffer.concat(parts);
}
