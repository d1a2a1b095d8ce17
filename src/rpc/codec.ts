/**
 * Raft's messages as bytes: what the control, sync and ack lanes carry.
 *
 *   frame    = version u8, then messages until the end
 *   message  = varint groupId, u8 head, varint from, varint to, varint term, then the fields of its kind
 *   head     = kind code * 2 + flag (granted, rejected, transfer, sleep or asleep, where the kind has one)
 *   append   = varint previousIndex, previousTerm, commit, then the run: varint length, bytes
 *   run      = the binlog's own encoding of entries, empty for none
 *   mark     = varint index, varint term, u8 autoLeave, then four member lists: varint count, varint each
 *
 * The run's encoding is handed in, so that disk and wire can't drift apart (and rpc knows nothing of storage). A leader sends
 * the same run to every follower: runs are kept encoded until `forgetRuns`, bounded by `RUN_CACHE_BYTES_MAX`.
 *
 * Malformed input throws FormatError and nothing else. What a message *means* (terms, indexes in order) is Raft's to check.
 */
import { ByteReader, ByteWriter, FormatError } from '../bytes.js';
import type { Configuration, Entry, MemberId, Message, SnapshotMark } from '../raft/message.js';

export interface GroupMessage {
  readonly groupId: number;
  readonly message: Message;
}

/** The binlog's encoding of a run of consecutive entries (src/storage/binlog-entries.ts). */
export interface EntriesCodec {
  encodeEntries(entries: readonly Entry[]): Uint8Array;
  /** Throws FormatError on malformed input. Data may alias `run`. */
  decodeEntries(run: Buffer): Entry[];
}

export interface RaftCodec {
  encodeFrames(frames: readonly GroupMessage[]): Buffer;
  /** All followers have been sent what there was: runs that nobody will ask for would only grow old in memory. */
  forgetRuns(): void;
  decodeFrames(bytes: Buffer): GroupMessage[];
}

const CODEC_VERSION = 1;

/** Encoded runs kept for the next follower: enough for what is sent in one turn of the slots. */
const RUN_CACHE_BYTES_MAX = 2 * 1024 * 1024;

/** In the order of their codes. Never reorder, never reuse: append only. */
const KINDS = [
  'preVote',
  'vote',
  'preVoteReply',
  'voteReply',
  'append',
  'appendReply',
  'heartbeat',
  'heartbeatReply',
  'snapshot',
  'timeoutNow',
  'readIndex',
  'readIndexReply',
  'wake',
] as const satisfies readonly Message['kind'][];

const CODE_OF: ReadonlyMap<Message['kind'], number> = new Map(KINDS.map((kind, code) => [kind, code]));

export function createCodec(entriesCodec: EntriesCodec): RaftCodec {
  const runs = new RunCache(entriesCodec);
  return {
    encodeFrames: (frames) => {
      const writer = new ByteWriter(encodedBytesHint(frames));
      writer.u8(CODEC_VERSION);
      for (const { groupId, message } of frames) writeMessage(writer, groupId, message, runs);
      return writer.finish();
    },
    forgetRuns: () => runs.clear(),
    decodeFrames: (bytes) => {
      const reader = new ByteReader(bytes);
      const version = reader.u8();
      if (version !== CODEC_VERSION) throw new FormatError(`Raft messages of version ${version}`);
      const frames: GroupMessage[] = [];
      while (reader.remaining > 0) frames.push(readMessage(reader, entriesCodec));
      return frames;
    },
  };
}

function writeMessage(writer: ByteWriter, groupId: number, message: Message, runs: RunCache): void {
  const code = CODE_OF.get(message.kind)!;
  writer.varint(groupId).u8(code * 2 + (flagOf(message) ? 1 : 0));
  writer.varint(message.from).varint(message.to).varint(message.term);
  switch (message.kind) {
    case 'preVote':
    case 'vote':
      writer.varint(message.lastIndex).varint(message.lastTerm);
      return;
    case 'append':
      writer.varint(message.previousIndex).varint(message.previousTerm).varint(message.commit);
      writer.bytes(runs.encoded(message.entries));
      return;
    case 'appendReply':
      writer.varint(message.index).varint(message.hintIndex).varint(message.hintTerm);
      return;
    case 'heartbeat':
      writer.varint(message.commit).varint(message.readRound);
      writeFloat(writer, message.sentAtMs);
      return;
    case 'heartbeatReply':
      writer.varint(message.readRound);
      writeFloat(writer, message.sentAtMs);
      return;
    case 'snapshot':
      writeMark(writer, message.mark);
      return;
    case 'readIndex':
      writer.varint(message.context);
      return;
    case 'readIndexReply':
      writer.varint(message.context).varint(message.index);
      return;
    default:
  }
}

function flagOf(message: Message): boolean {
  switch (message.kind) {
    case 'preVote':
    case 'vote':
      return message.transfer;
    case 'preVoteReply':
    case 'voteReply':
      return message.granted;
    case 'appendReply':
    case 'readIndexReply':
      return message.rejected;
    case 'heartbeat':
      return message.sleep;
    case 'heartbeatReply':
      return message.asleep;
    default:
      return false;
  }
}

function readMessage(reader: ByteReader, entriesCodec: EntriesCodec): GroupMessage {
  const groupId = reader.varint();
  const head = reader.u8();
  const kind = KINDS[head >> 1];
  if (kind === undefined) throw new FormatError(`Raft message of kind ${head >> 1}`);
  const envelope = { from: reader.varint(), to: reader.varint(), term: reader.varint() };
  return { groupId, message: readBody(reader, kind, (head & 1) === 1, envelope, entriesCodec) };
}

function readBody(
  reader: ByteReader,
  kind: Message['kind'],
  flag: boolean,
  envelope: Pick<Message, 'from' | 'to' | 'term'>,
  entriesCodec: EntriesCodec,
): Message {
  switch (kind) {
    case 'preVote':
    case 'vote':
      return { kind, ...envelope, lastIndex: reader.varint(), lastTerm: reader.varint(), transfer: flag };
    case 'preVoteReply':
    case 'voteReply':
      return { kind, ...envelope, granted: flag };
    case 'append':
      return { kind, ...envelope, ...readAppend(reader, entriesCodec) };
    case 'appendReply': {
      const index = reader.varint();
      const [hintIndex, hintTerm] = [reader.varint(), reader.varint()];
      return { kind, ...envelope, index, rejected: flag, hintIndex, hintTerm };
    }
    case 'heartbeat': {
      const [commit, readRound] = [reader.varint(), reader.varint()];
      return { kind, ...envelope, commit, readRound, sentAtMs: readFloat(reader), sleep: flag };
    }
    case 'heartbeatReply':
      return {
        kind,
        ...envelope,
        readRound: reader.varint(),
        sentAtMs: readFloat(reader),
        asleep: flag,
      };
    case 'snapshot':
      return { kind, ...envelope, mark: readMark(reader) };
    case 'timeoutNow':
    case 'wake':
      return { kind, ...envelope };
    case 'readIndex':
      return { kind, ...envelope, context: reader.varint() };
    case 'readIndexReply':
      return { kind, ...envelope, context: reader.varint(), index: reader.varint(), rejected: flag };
  }
}

function readAppend(reader: ByteReader, entriesCodec: EntriesCodec) {
  const previousIndex = reader.varint();
  const previousTerm = reader.varint();
  const commit = reader.varint();
  const run = reader.bytes();
  const entries = run.length === 0 ? [] : entriesCodec.decodeEntries(ownedRun(run));
  return { previousIndex, previousTerm, commit, entries };
}

/**
 * A run as memory that its entries may keep. Entries stay in the log's memory long after the message that brought them, and one
 * message brings the runs of many groups: a run that fills less than half of its allocation is copied (one memcpy a run,
 * not one allocation an entry). So an entry pins its own run and as much again, or a page of Node's pool (8 KiB).
 */
function ownedRun(run: Buffer): Buffer {
  return run.length * 2 >= run.buffer.byteLength ? run : Buffer.from(run);
}

function writeMark(writer: ByteWriter, mark: SnapshotMark): void {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = mark.configuration;
  writer
    .varint(mark.index)
    .varint(mark.term)
    .u8(autoLeave ? 1 : 0);
  for (const members of [voters, votersOutgoing, learners, learnersNext]) {
    writer.varint(members.length);
    for (const member of members) writer.varint(member);
  }
}

function readMark(reader: ByteReader): SnapshotMark {
  const index = reader.varint();
  const term = reader.varint();
  const configuration: Configuration = {
    autoLeave: reader.u8() === 1,
    voters: readMembers(reader),
    votersOutgoing: readMembers(reader),
    learners: readMembers(reader),
    learnersNext: readMembers(reader),
  };
  return { index, term, configuration };
}

function readMembers(reader: ByteReader): MemberId[] {
  const count = reader.varint();
  // Each member takes a byte at least: a count beyond that is a lie, told before memory is taken for it.
  if (count > reader.remaining) throw new FormatError(`${count} members in ${reader.remaining} bytes`);
  return Array.from({ length: count }, () => reader.varint());
}

const FLOAT_BYTES = Buffer.alloc(8);

/** Clocks are fractional and echoed: all 64 bits, so that what comes back is what was sent. */
function writeFloat(writer: ByteWriter, value: number): void {
  FLOAT_BYTES.writeDoubleBE(value, 0);
  writer.raw(FLOAT_BYTES);
}

function readFloat(reader: ByteReader): number {
  const value = reader.raw(8).readDoubleBE(0);
  if (!Number.isFinite(value)) throw new FormatError(`time ${value}`);
  return value;
}

/** A first guess that saves the writer from growing: exact growth is its own business. */
function encodedBytesHint(frames: readonly GroupMessage[]): number {
  let bytes = 1 + frames.length * 64;
  for (const { message } of frames) {
    if (message.kind !== 'append') continue;
    for (const entry of message.entries) bytes += entry.data.length + 16;
  }
  return bytes;
}

interface Run {
  readonly count: number;
  readonly last: Entry;
  readonly bytes: Uint8Array;
}

/**
 * Runs by identity: entries are immutable and the log hands out the same objects to each follower's message, so equal ends and an
 * equal count mean an equal run. Emptied as a whole when it is full: a map that loses its oldest one by one is searched for its
 * oldest through all that it has lost. A run of more than half the bound is not kept.
 */
class RunCache {
  private readonly entriesCodec: EntriesCodec;
  /** Made anew when it is emptied: the tables of an old map are old from the start, and only a full collection takes them. */
  private runs = new Map<Entry, Run>();
  private keptBytes = 0;

  constructor(entriesCodec: EntriesCodec) {
    this.entriesCodec = entriesCodec;
  }

  encoded(entries: readonly Entry[]): Uint8Array {
    const first = entries[0];
    if (first === undefined) return NO_BYTES;
    const last = entries[entries.length - 1]!;
    const kept = this.runs.get(first);
    if (kept !== undefined && kept.last === last && kept.count === entries.length) return kept.bytes;
    const bytes = this.entriesCodec.encodeEntries(entries);
    this.keep(first, { count: entries.length, last, bytes });
    return bytes;
  }

  clear(): void {
    if (this.keptBytes === 0) return;
    this.runs = new Map();
    this.keptBytes = 0;
  }

  private keep(first: Entry, run: Run): void {
    if (run.bytes.length * 2 > RUN_CACHE_BYTES_MAX) return;
    if (this.keptBytes + run.bytes.length > RUN_CACHE_BYTES_MAX) this.clear();
    // What was kept of another length is counted until the next clearing.
    this.runs.set(first, run);
    this.keptBytes += run.bytes.length;
  }
}

const NO_BYTES = Buffer.alloc(0);
