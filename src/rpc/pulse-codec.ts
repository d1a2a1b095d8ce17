/**
 * The word that a node says to its peers a few times a second (node/pulse.ts), as bytes on the control lane.
 *
 *   u8 0 | u8 space       space: how much room its disk has, larger is worse
 *
 * Raft's messages on the same lane begin with their version, which is never 0 (codec.ts). Later versions may append.
 */
import { FormatError } from '../bytes.js';

const PULSE = 0;

export interface PulseWord {
  readonly space: number;
}

export function encodePulse({ space }: PulseWord): Buffer {
  return Buffer.of(PULSE, space);
}

/** Undefined for what is no pulse. */
export function decodePulse(message: Buffer): PulseWord | undefined {
  if (message[0] !== PULSE) return undefined;
  const space = message[1];
  if (space === undefined) throw new FormatError('a pulse without a word');
  return { space };
}
