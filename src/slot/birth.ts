/**
 * Who a replica is: written to the binlog, synced, before the replica says a word to anyone.
 *
 * A MemberId is `incarnation * 2^32 + nodeId`: the node can be told from it, and a replica that comes back to a
 * node it once left is another member.
 */
import { ByteReader, ByteWriter, FormatError } from '../bytes.js';
import type { Configuration, Index, MemberId } from '../raft/message.js';
import { DamageError } from '../storage/damage.js';
import { decodeList } from './entry.js';

/** The version tells the mode, which belongs to a group for life. */
const VERSION = 1;
const ASYNC_VERSION = 2;
const NODE_IDS = 4294967296;

export interface Birth {
  readonly groupId: number;
  readonly tableId: number;
  readonly slot: number;
  readonly memberId: MemberId;
  /** The voters that the group was made with; empty for a learner called by its leader. */
  readonly voters: readonly MemberId[];
  /** Its leader answers writes after its own append. */
  readonly isAsync?: boolean;
}

export function memberOf(nodeId: number, incarnation: number): MemberId {
  return incarnation * NODE_IDS + nodeId;
}

export function nodeOf(member: MemberId): number {
  return member % NODE_IDS;
}

/** 0: of the birth set. */
export function incarnationOf(member: MemberId): number {
  return Math.floor(member / NODE_IDS);
}

/** What Raft itself proves of a member whose disk was set back (raft/ready.ts). */
export function forgotten(
  acknowledged: Index,
  { lastIndex, term }: { lastIndex: Index; term: number },
): DamageError {
  const what = `the leader of term ${term} has seen entry ${acknowledged} acknowledged here`;
  return new DamageError(`${what}, the log ends at ${lastIndex}`);
}

/** What the group's first entry stands on. */
export function birthConfiguration(birth: Birth): Configuration {
  return { voters: birth.voters, votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
}

export function encodeBirth(birth: Birth): Buffer {
  const out = new ByteWriter();
  out.u8(birth.isAsync ? ASYNC_VERSION : VERSION);
  out.varint(birth.groupId).varint(birth.tableId).varint(birth.slot).varint(birth.memberId);
  out.varint(birth.voters.length);
  for (const voter of birth.voters) out.varint(voter);
  return out.finish();
}

export function decodeBirth(bytes: Buffer): Birth {
  const input = new ByteReader(bytes);
  const version = input.u8();
  if (version !== VERSION && version !== ASYNC_VERSION) throw new FormatError(`birth version ${version}`);
  const groupId = input.varint();
  const tableId = input.varint();
  const slot = input.varint();
  const memberId = input.varint();
  const voters = decodeList(input, () => input.varint());
  input.end();
  const isAsync = version === ASYNC_VERSION;
  return { groupId, tableId, slot, memberId, voters, ...(isAsync && { isAsync }) };
}
