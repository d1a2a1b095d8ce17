/**
 * Opens the log: replays every segment into the index, judges what is missing, repairs the tail, and reads the entries that the
 * engine doesn't have yet.
 *
 * - Replay is one pass in the order of the segments, then one more over those that hold unapplied entries.
 * - Only the end of the last segment is ever cut, and the cut is durable before anything is appended after it.
 * - Damage elsewhere is told per replica. Where it can't be told whose frames are gone, it may be anyone's who was there: every
 *   replica is damaged but those that were born after the place. Replica ids that may have been given out in what is gone are
 *   skipped. Damage is a reason to rebuild a replica from its peers, never to start without it.
 */
import { FormatError } from '../bytes.js';
import type { Binlog, BinlogEntry, BinlogOptions, RecoveredReplica, ReplicaId } from './binlog.js';
import { readBounds } from './binlog-bounds.js';
import { decodeEntries, termRunsOf } from './binlog-entries.js';
import { BinlogIndex } from './binlog-index.js';
import { decodeSmall, type GoodFrame } from './binlog-record.js';
import { type NextTurn, scanInTurns, segmentsIn, wholeSegments } from './binlog-scan.js';
import {
  BINLOG_FOLDER,
  type Damage,
  decodeSegmentHeader,
  isUnused,
  type SegmentHeader,
  SegmentScanner,
  segmentPath,
} from './binlog-segment.js';
import { SegmentedBinlog } from './binlog-writer.js';
import type { AppendFile, Files } from './files.js';
import type { ReplicaLog } from './replica-log.js';

/** What the owner of a replica is asked for its applied index. Never asked about a dead replica. */
export interface ReplicaIdentity {
  readonly replicaId: ReplicaId;
  readonly birth: Buffer;
  readonly snapshot: RecoveredReplica['snapshot'];
}

export interface OpenedBinlog {
  readonly binlog: Binlog;
  /** Every replica that ever lived here and whose records are kept, dead ones included; ordered by id. */
  readonly replicas: ReadonlyMap<ReplicaId, RecoveredReplica>;
  /** One sentence for each place where frames are missing. */
  readonly damage: readonly string[];
  /** Such a place may have held the only traces of a replica: what is told of replicas may not be all that there were. */
  readonly replicasMayBeMissing: boolean;
  /** Bytes of a last batch that was never acknowledged, now cut off. */
  readonly tornBytes: number;
}

/** Skipped where births may have been lost: more than a segment could hold in any sane use. */
const LOST_IDS_MAX = 65_536;

/** `appliedIndexOf` tells up to where the engine holds the replica's entries, synced; it must be known beforehand. */
export async function openBinlog(
  files: Files,
  options: BinlogOptions,
  appliedIndexOf: (replica: ReplicaIdentity) => number,
): Promise<OpenedBinlog> {
  await files.makeFolder(BINLOG_FOLDER);
  await files.syncFolder('.');
  const nextTurn = options.nextTurn ?? (() => Promise.resolve());
  const replay = new Replay(files, nextTurn);
  await replay.run(await segmentsIn(files));
  const file = await replay.openLast();
  const { index } = replay;
  const applied = new Map<ReplicaId, number>();
  for (const log of index.sorted()) applied.set(log.replicaId, judge(log, appliedIndexOf));
  const entries = await unappliedEntries(files, index, applied, nextTurn);
  const replicas = new Map<ReplicaId, RecoveredReplica>();
  for (const log of index.sorted())
    replicas.set(log.replicaId, recovered(log, entries.get(log.replicaId) ?? []));
  const damage = replay.damage.map((place) => sentenceOf(place));
  const replicasMayBeMissing = replay.damage.some(({ replicaId }) => replicaId === undefined);
  return {
    binlog: new SegmentedBinlog(files, options, index, file),
    replicas,
    damage,
    replicasMayBeMissing,
    tornBytes: replay.tornBytes,
  };
}

/** One pass over all segments, oldest first. */
class Replay {
  readonly index = new BinlogIndex();
  readonly damage: Damage[] = [];
  tornBytes = 0;
  /** Replicas that were born after the last place where anyone's frames may be missing. */
  private bornSince = new Set<ReplicaId>();

  constructor(
    private readonly files: Files,
    private readonly nextTurn: NextTurn,
  ) {}

  async run(segments: readonly number[]): Promise<void> {
    const bounds = await readBounds(this.files);
    const first = segments[0] ?? bounds?.oldest ?? 1;
    let expected = Math.min(bounds?.oldest ?? first, first);
    this.index.oldestSegment = expected;
    const newest = Math.max(bounds?.newest ?? 0, segments.at(-1) ?? 0);
    for await (const { segment, bytes } of wholeSegments(this.files, segments)) {
      if (segment !== expected) this.note({ segment: expected, offset: 0, replicaId: undefined });
      await this.replaySegment(segment, bytes, segment === newest, segment > (bounds?.newest ?? 0));
      expected = segment + 1;
    }
    if (expected <= newest) this.note({ segment: expected, offset: 0, replicaId: undefined });
    const last = this.index.segments.at(-1)?.segment ?? 0;
    // One that was begun and never used has its number given again.
    this.index.newestSegment = Math.max(bounds?.newest ?? 0, last);
    this.spread();
  }

  /**
   * The last segment, cut where it ends, ready for the next frame. Synced with its name before anyone hears what is in it: the
   * process before this one may have been killed between writing and syncing, and then what was read is in memory only.
   */
  async openLast(): Promise<AppendFile | undefined> {
    const last = this.index.segments[this.index.segments.length - 1];
    if (last === undefined) return undefined;
    const file = await this.files.open(segmentPath(last.segment));
    if (file.lengthBytes > last.bytes) await file.truncate(last.bytes);
    await file.sync();
    await this.files.syncFolder(BINLOG_FOLDER);
    return file;
  }

  /** `mayBeUnused`: it is not known that a frame ever went there. */
  private async replaySegment(
    segment: number,
    bytes: Buffer,
    isLast: boolean,
    mayBeUnused: boolean,
  ): Promise<void> {
    if (isLast && mayBeUnused && isUnused(bytes, segment)) {
      await this.files.remove(segmentPath(segment));
      await this.files.syncFolder(BINLOG_FOLDER);
      return;
    }
    this.checkHeader(decodeSegmentHeader(bytes, segment));
    const scan = new SegmentScanner(bytes, segment, isLast, {
      frame: (frame) => this.take(frame, segment),
      damage: (place) => this.note(place),
    });
    await scanInTurns(scan, this.nextTurn);
    this.tornBytes += scan.tornBytes;
    this.index.segments.push({ segment, bytes: scan.endBytes });
  }

  /** A file that lost its tail can't know it; the next one does. */
  private checkHeader(header: SegmentHeader | undefined): void {
    if (header === undefined) return;
    this.index.lastReplicaId = Math.max(this.index.lastReplicaId, header.lastReplicaId);
    const before = this.index.segments[this.index.segments.length - 1];
    if (before?.segment !== header.segment - 1 || before.bytes === header.previousEndBytes) return;
    this.note({ segment: before.segment, offset: before.bytes, replicaId: undefined });
  }

  private take(frame: GoodFrame, segment: number): void {
    const { offset, endOffset, replicaId, copied } = frame;
    const place = { segment, offset, endOffset };
    try {
      if (frame.recordKind === 'entries') {
        this.index.applyEntries(replicaId, termRunsOf(frame.payload), place, copied);
        return;
      }
      const record = decodeSmall({ ...frame, payload: Buffer.from(frame.payload) });
      this.index.applySmall(record, place);
      if (record.kind === 'birth' && !copied) this.bornSince.add(replicaId);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      this.note({ segment, offset, replicaId });
    }
  }

  private note(place: Damage): void {
    this.damage.push(place);
    if (place.replicaId === undefined) this.bornSince = new Set();
    else blame(this.index.log(place.replicaId), place);
  }

  /** Frames that may have been anyone's: only those are safe whose whole life lies after them. */
  private spread(): void {
    const place = this.damage.findLast((each) => each.replicaId === undefined);
    if (place === undefined) return;
    this.index.lastReplicaId += LOST_IDS_MAX;
    for (const log of this.index.sorted()) if (!this.bornSince.has(log.replicaId)) blame(log, place);
  }
}

function blame(log: ReplicaLog, place: Damage): void {
  if (log.tombstone === undefined) log.damaged ??= sentenceOf(place);
}

/** Looks for what no frame's damage shows, and answers up to where entries are applied. */
function judge(log: ReplicaLog, appliedIndexOf: (replica: ReplicaIdentity) => number): number {
  if (log.tombstone !== undefined) return 0;
  if (log.birth === undefined) {
    log.damaged ??= 'its birth is not in the log';
    return 0;
  }
  const hole = log.firstHole();
  if (hole !== undefined) log.damaged ??= `entry ${hole} is missing`;
  const { replicaId, compactedIndex, lastIndex } = log;
  const applied = appliedIndexOf({ replicaId, birth: log.birth.value, snapshot: log.snapshot?.value });
  if (applied < compactedIndex)
    log.damaged ??= `the log starts after ${compactedIndex}, the state ends at ${applied}`;
  if (applied > lastIndex) log.damaged ??= `the state holds entry ${applied}, the log ends at ${lastIndex}`;
  return applied;
}

/** The second pass: each segment with wanted entries is read once, whoever's they are. */
async function unappliedEntries(
  files: Files,
  index: BinlogIndex,
  applied: ReadonlyMap<ReplicaId, number>,
  nextTurn: NextTurn,
): Promise<Map<ReplicaId, BinlogEntry[]>> {
  const found = new Map<ReplicaId, BinlogEntry[]>();
  const whose = new Map<number, Set<ReplicaId>>();
  for (const { segment } of index.segments) {
    const wanting = index.sorted().filter((log) => wants(log, segment, applied));
    if (wanting.length > 0) whose.set(segment, new Set(wanting.map(({ replicaId }) => replicaId)));
  }
  for await (const { segment, bytes } of wholeSegments(files, [...whose.keys()])) {
    const wanted = whose.get(segment)!;
    const frame = (each: GoodFrame): void => {
      if (each.recordKind !== 'entries' || !wanted.has(each.replicaId)) return;
      const list = found.get(each.replicaId) ?? [];
      found.set(each.replicaId, list);
      keepLive(each, segment, index.log(each.replicaId), applied.get(each.replicaId) ?? 0, list);
    };
    await scanInTurns(new SegmentScanner(bytes, segment, false, { frame, damage: () => {} }), nextTurn);
  }
  for (const list of found.values()) list.sort((a, b) => a.index - b.index);
  return found;
}

function wants(log: ReplicaLog, segment: number, applied: ReadonlyMap<ReplicaId, number>): boolean {
  if (log.tombstone !== undefined || log.damaged !== undefined) return false;
  const from = applied.get(log.replicaId) ?? 0;
  return log.regions.some((region) => region.segment === segment && region.last > from);
}

function keepLive(
  frame: GoodFrame,
  segment: number,
  log: ReplicaLog,
  applied: number,
  into: BinlogEntry[],
): void {
  const isLive = ({ index, term }: BinlogEntry): boolean => {
    const region = index > applied ? log.regionOf(index) : undefined;
    if (region === undefined || region.segment !== segment || region.term !== term) return false;
    return region.offset <= frame.offset && frame.endOffset <= region.endOffset;
  };
  const live = decodeEntries(frame.payload).filter(isLive);
  for (const entry of live) into.push({ ...entry, data: Buffer.from(entry.data) });
}

/** A damaged replica's entries are not handed out: with a part of its log it could only do harm. */
function recovered(log: ReplicaLog, entries: readonly BinlogEntry[]): RecoveredReplica {
  const { replicaId, compactedIndex, compactedTerm, damaged } = log;
  const lastIndex = damaged === undefined ? log.lastIndex : compactedIndex;
  const hardState = log.hardState?.value ?? { term: 0, votedFor: 0, commit: 0 };
  // The commit index is a hint that may lag, or be ahead of entries whose batch was torn.
  const commit = Math.max(compactedIndex, Math.min(hardState.commit, lastIndex));
  return {
    replicaId,
    birth: log.birth?.value ?? Buffer.alloc(0),
    tombstone: log.tombstone?.value,
    snapshot: log.snapshot?.value,
    hardState: { ...hardState, commit },
    ledTerms: log.led?.value ?? [],
    compactedIndex,
    compactedTerm,
    terms: damaged === undefined ? log.terms() : [],
    lastIndex,
    runs: damaged === undefined ? log.regions.map(({ last, ownBytes }) => ({ last, bytes: ownBytes })) : [],
    entries: damaged === undefined ? entries : [],
    damaged,
  };
}

export function sentenceOf(place: Damage): string {
  const whose =
    place.replicaId === undefined ? 'frames of any replica' : `a frame of replica ${place.replicaId}`;
  return `${segmentPath(place.segment)} at ${place.offset}: ${whose} may be missing`;
}
