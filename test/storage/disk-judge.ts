/**
 * Looks at the disks of a simulated world while it runs: names the failpoints that are passed and crashed at, and judges what each
 * machine finds when it boots.
 *
 * The rule: whatever the crash, a replica's state on disk is the model's after exactly the entries up to its applied index, its pointer
 * leads to it or its snapshot's mark does, and the log goes on from there without a gap.
 */
import assert from 'node:assert/strict';
import type { NodeSlot } from '../../src/node/replicas.js';
import { nodeAreaRange, parseNodeKey, stateRange } from '../../src/slot/keys.js';
import { decodeMark } from '../../src/slot/snapshot-install.js';
import type { BinlogEntry } from '../../src/storage/binlog.js';
import { decodeRecord, parseFrame } from '../../src/storage/binlog-record.js';
import { decodeSegmentHeader, SEGMENT_HEADER_BYTES } from '../../src/storage/binlog-segment.js';
import type { Engine, EngineRange } from '../../src/storage/engine.js';
import type { Files } from '../../src/storage/files.js';
import type { MemoryEngine } from '../../src/storage/memory-engine.js';
import { opened } from '../../src/storage/sealed-engine.js';
import { DurableLog } from '../sim/checks/durable-image.js';
import type { SimFiles } from '../sim/sim-files.js';
import type { DiskWatch, SimMachine } from '../sim/sim-machine.js';
import { type Failpoint, segmentOfPath } from './failpoints.js';
import { PlainModel, readRows, type StoredRows } from './plain-state.js';
import { type Listener, watchedEngine, watchedFiles } from './watched-disk.js';

/** How often, over all runs. */
export interface Tally {
  passed: number;
  /** Lives that ended while it was asked for and not done. */
  endedBefore: number;
  /** Lives that ended when it was the last thing done. */
  endedAfter: number;
}

export type Tallies = Map<Failpoint, Tally>;

/** What one machine's disk is doing. */
interface Activity {
  readonly underWay: Failpoint[];
  lastDone: Failpoint | undefined;
}

/** One world's. */
export class DiskJudge implements DiskWatch {
  /** Replicas judged at a boot. */
  judged = 0;
  private readonly model = new PlainModel();
  private readonly activities = new Map<SimMachine, Activity>();

  constructor(private readonly tallies: Tallies) {}

  files(machine: SimMachine, files: Files): Files {
    return watchedFiles(files, this.listenerOf(machine));
  }

  engine(machine: SimMachine, engine: Engine): Promise<Engine> {
    return watchedEngine(engine, this.listenerOf(machine));
  }

  applied(slot: NodeSlot, entry: BinlogEntry): void {
    this.model.applied(slot.birth.groupId, entry);
  }

  ends(machine: SimMachine): void {
    const activity = this.activities.get(machine);
    this.activities.delete(machine);
    if (activity === undefined) return;
    for (const point of activity.underWay) this.tally(point).endedBefore++;
    if (activity.lastDone !== undefined) this.tally(activity.lastDone).endedAfter++;
  }

  boots(machine: SimMachine): void {
    this.activities.set(machine, { underWay: [], lastDone: undefined });
    const pointers = new Map(
      rowsIn(machine.engine, nodeAreaRange('state')).map(([key, value]) => [parseNodeKey(key), value]),
    );
    for (const [replicaId, log] of logsOf(machine.files)) {
      if (log.dead || log.groupId === 0) continue;
      const pointed = pointers.get(replicaId)?.readUInt32BE();
      this.judge(`machine ${machine.number}, replica ${replicaId}`, log, machine.engine, pointed);
    }
  }

  private judge(who: string, log: FoundLog, engine: MemoryEngine, pointed: number | undefined): void {
    let stored = pointed === undefined ? undefined : readState(engine, pointed);
    if (log.mark !== undefined && log.mark.index > (stored?.meta.appliedIndex ?? 0)) {
      stored = readState(engine, log.mark.stateId);
      assert.equal(stored.meta.appliedIndex, log.mark.index, `${who}: the state that its mark names`);
    }
    const applied = stored?.meta.appliedIndex ?? 0;
    const expected = this.model.at(log.groupId, applied);
    assert.ok(expected !== undefined, `${who}: holds ${applied}, which nobody applied`);
    assert.deepEqual(stored?.state ?? [], expected, `${who}: its state at ${applied}`);
    let next = applied + 1;
    while (log.reaches(next)) next++;
    for (let index = next; index < next + GAP_LOOK; index++)
      assert.ok(
        !log.reaches(index),
        `${who}: its log has ${index}, lacks ${next}, its state is at ${applied}`,
      );
    this.judged++;
  }

  private listenerOf(machine: SimMachine): Listener {
    const activity = this.activities.get(machine)!;
    return (point, moment) => {
      if (moment === 'before') activity.underWay.push(point);
      if (moment !== 'after') return;
      activity.underWay.splice(activity.underWay.indexOf(point), 1);
      activity.lastDone = point;
      this.tally(point).passed++;
    };
  }

  private tally(point: Failpoint): Tally {
    let tally = this.tallies.get(point);
    if (tally === undefined) {
      tally = { passed: 0, endedBefore: 0, endedAfter: 0 };
      this.tallies.set(point, tally);
    }
    return tally;
  }
}

/** Entries behind a log's end that are looked for. */
const GAP_LOOK = 100;

class FoundLog extends DurableLog {
  mark: { readonly index: number; readonly stateId: number } | undefined;
}

/** As the files are now: a process that starts reads them, synced or not. */
function logsOf(files: SimFiles): ReadonlyMap<number, FoundLog> {
  const logs = new Map<number, FoundLog>();
  const segments = [...files.content]
    .map(([path, bytes]) => ({ segment: segmentOfPath(path), bytes }))
    .filter((one): one is { segment: number; bytes: Buffer } => one.segment !== undefined)
    .sort((a, b) => a.segment - b.segment);
  for (const { segment, bytes } of segments) {
    if (decodeSegmentHeader(bytes, segment) === undefined) continue;
    for (let at = SEGMENT_HEADER_BYTES; at < bytes.length; ) {
      const frame = parseFrame(bytes, at, segment);
      if (frame.kind !== 'good') break;
      const log = logs.get(frame.replicaId) ?? new FoundLog();
      logs.set(frame.replicaId, log);
      const record = decodeRecord(frame);
      log.take(record);
      if (record.kind === 'snapshot') log.mark = { index: record.index, stateId: decodeMark(record.mark) };
      at = frame.endOffset;
    }
  }
  return logs;
}

function readState(engine: MemoryEngine, stateId: number): StoredRows {
  return readRows(stateId, rowsIn(engine, stateRange(stateId)));
}

/** Now, and not when the world lets it. */
function rowsIn(engine: MemoryEngine, { from, to }: EngineRange): readonly (readonly [Buffer, Buffer])[] {
  const rows = engine.content.slice(from.toString('latin1'), to.toString('latin1'));
  return rows.map(([key, sealed]) => [key, opened(key, sealed)]);
}
