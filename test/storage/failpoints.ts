/**
 * The places where a node's disk changes, by name: what a crash matrix must have crashed at.
 *
 * They are told from outside, by what is asked of `Files` and `Engine`: nothing in `src/` knows of them. A name stands for a step of
 * a protocol and not for a call: the same `sync` is that of a snapshot's mark, of a copy that purge makes, or of clients' entries.
 */
import { nodeAreaRange, parseNodeKey } from '../../src/slot/keys.js';
import { parseFrame } from '../../src/storage/binlog-record.js';
import { BINLOG_FOLDER, segmentOfName } from '../../src/storage/binlog-segment.js';
import type { Engine, EngineBatch, EngineWrite } from '../../src/storage/engine.js';

export const LOG_FAILPOINTS = [
  'log append',
  'log sync',
  'segment create',
  'segment header append',
  'segment header sync',
  'segment name sync',
  'bounds',
  'copy append',
  'copy sync',
  'segment remove',
  'segment removal sync',
] as const;

/** A checkpoint; one that moves to the state that FLUSHALL began; what both leave to be cleared. */
export const ENGINE_FAILPOINTS = [
  'checkpoint',
  'state flip',
  'garbage rows',
  'garbage marker',
  'reclaim pages',
  'reclaim rows',
] as const;

/** In their order. The mark is the commit point, the pointer the switch. */
export const SNAPSHOT_FAILPOINTS = [
  'snapshot reserve',
  'snapshot rows',
  'snapshot meta',
  'snapshot mark append',
  'snapshot mark sync',
  'snapshot pointer',
] as const;

export const FAILPOINTS = [...LOG_FAILPOINTS, ...ENGINE_FAILPOINTS, ...SNAPSHOT_FAILPOINTS];

export type Failpoint = (typeof FAILPOINTS)[number];

export type AppendPoint = Extract<Failpoint, `${string} append`>;

/** undefined: not a segment of the binlog. */
export function segmentOfPath(path: string): number | undefined {
  const prefix = `${BINLOG_FOLDER}/`;
  return path.startsWith(prefix) ? segmentOfName(path.slice(prefix.length)) : undefined;
}

/** What is about to be appended to a segment. A batch with a mark in it is the mark's. */
export function appendPointOf(segment: number, bytes: Buffer): AppendPoint {
  let point: AppendPoint | undefined;
  for (let at = 0; at < bytes.length; ) {
    const frame = parseFrame(bytes, at, segment);
    if (frame.kind !== 'good') break;
    if (frame.recordKind === 'snapshot' && !frame.copied) return 'snapshot mark append';
    point = frame.copied ? 'copy append' : (point ?? 'log append');
    at = frame.endOffset;
  }
  return point ?? 'segment header append';
}

/**
 * Tells the engine's batches apart. It remembers which states are garbage: their pages go like those of dead keys, and what comes in
 * by a snapshot is garbage until it is installed.
 */
export class BatchNames {
  private constructor(private readonly garbage: Set<number>) {}

  static async of(engine: Engine): Promise<BatchNames> {
    const cursor = engine.iterate(nodeAreaRange('garbage'));
    const rows = await cursor.next(1_000_000);
    await cursor.close();
    return new BatchNames(new Set(rows.map(([key]) => parseNodeKey(key))));
  }

  /** undefined: nothing that a matrix asks for, as when the state of a removed replica is given up. */
  nameOf(rows: EngineBatch): Failpoint | undefined {
    const batch = [...rows];
    const facts = factsOf(batch);
    const name = this.judge(batch, facts);
    for (const id of facts.becomeGarbage) this.garbage.add(id);
    for (const id of facts.noGarbage) this.garbage.delete(id);
    return name;
  }

  private judge(batch: readonly EngineWrite[], facts: BatchFacts): Failpoint | undefined {
    const { pointers, metas, becomeGarbage, noGarbage, rows } = facts;
    if (pointers > 0) {
      if (metas === 0) return 'snapshot pointer';
      return becomeGarbage.length > 0 ? 'state flip' : 'checkpoint';
    }
    const isGarbage = batch[0] !== undefined && this.garbage.has(batch[0].key.readUInt32BE());
    if (metas > 0) return isGarbage ? 'snapshot meta' : undefined;
    if (becomeGarbage.length > 0) return facts.pointersGone > 0 ? undefined : 'snapshot reserve';
    if (noGarbage.length > 0) return 'garbage marker';
    const first = batch[0];
    if (first === undefined || rows === 0) return undefined;
    if (first.kind === 'put') return isGarbage ? 'snapshot rows' : undefined;
    if (isGarbage) return 'garbage rows';
    return areaOf(first.key) === 'reclaim' ? 'reclaim rows' : 'reclaim pages';
  }
}

interface BatchFacts {
  pointers: number;
  pointersGone: number;
  metas: number;
  /** Of states. */
  rows: number;
  readonly becomeGarbage: number[];
  readonly noGarbage: number[];
}

function factsOf(batch: readonly EngineWrite[]): BatchFacts {
  const facts: BatchFacts = {
    pointers: 0,
    pointersGone: 0,
    metas: 0,
    rows: 0,
    becomeGarbage: [],
    noGarbage: [],
  };
  for (const { kind, key } of batch) {
    const area = areaOf(key);
    if (area === 'pointer' && kind === 'put') facts.pointers++;
    if (area === 'pointer' && kind === 'delete') facts.pointersGone++;
    if (area === 'garbage') (kind === 'put' ? facts.becomeGarbage : facts.noGarbage).push(parseNodeKey(key));
    if (area === 'meta' && kind === 'put') facts.metas++;
    if (area === 'row' || area === 'reclaim') facts.rows++;
  }
  return facts;
}

type Area = 'pointer' | 'garbage' | 'counter' | 'meta' | 'reclaim' | 'row';

/** docs/key-layout.md, once more. */
function areaOf(key: Buffer): Area {
  if (key.readUInt32BE() === 0) return (['pointer', 'garbage', 'counter'] as const)[key[4]!]!;
  const area = key.readUInt16BE(4);
  if (area === 0xffff) return 'meta';
  return area === 0x9000 ? 'reclaim' : 'row';
}
