/**
 * The engine in memory, with the crashes of the real one: for tests and for the simulated world.
 *
 * It keeps two images. `current` is what readers see; `settled` is what a power cut leaves for certain. Batches between the two wait
 * in a list, in order: a crash keeps every synced one and any subset of the others, each batch whole, because LevelDB promises no
 * more. So an unsynced batch may vanish from under a synced one that came after it.
 *
 * Every operation goes through `schedule` and completes when the world lets it. After a crash the old object is dead: nothing it
 * was asked ever completes. `crash` and `kill` hand out its successor on what survived.
 */
import type { Random } from '../random.js';
import type { Engine, EngineBatch, EngineIterator, EngineRange, EngineWrite } from './engine.js';

/** Runs the effect now, later, or never. The label says what it is. */
export type Schedule = (label: string, run: () => void) => void;

/** Keys as text of one byte a character: its order is the order of the bytes, and it can key a Map. */
type TextKey = string;
type Pair = readonly [Buffer, Buffer];

interface Batch {
  readonly writes: readonly EngineWrite[];
  readonly synced: boolean;
}

/** LevelDB writes a full memory table out, synced: what is older than so many batches waits no longer. */
const UNSETTLED_BATCHES_MAX = 1000;

export class MemoryEngine implements Engine {
  private current: OrderedTable;
  private settled: OrderedTable;
  /** On top of `settled`; the first one is unsynced. */
  private unsettled: Batch[] = [];
  /** Asked for, not yet carried out; a crash may find them done or not. Walked over as late as can be: the contract allows it. */
  private readonly inFlight = new Set<EngineBatch>();
  private alive = true;

  constructor(
    private readonly schedule: Schedule = (_label, run) => queueMicrotask(run),
    content: OrderedTable = new OrderedTable(),
  ) {
    this.current = content;
    this.settled = content.clone();
  }

  /** What a process that starts now would read, at once. */
  get content(): Pick<OrderedTable, 'slice'> {
    return this.current;
  }

  get(key: Buffer): Promise<Buffer | undefined> {
    return this.later('engine get', () => this.current.get(textOf(key)));
  }

  getMany(keys: readonly Buffer[]): Promise<readonly (Buffer | undefined)[]> {
    return this.later('engine getMany', () => keys.map((key) => this.current.get(textOf(key))));
  }

  write(batch: EngineBatch, options: { readonly sync: boolean }): Promise<void> {
    this.inFlight.add(batch);
    return this.later(options.sync ? 'engine write synced' : 'engine write', () => {
      this.inFlight.delete(batch);
      this.take({ writes: copyOf(batch), synced: options.sync });
    });
  }

  iterate(range: EngineRange): EngineIterator {
    const pairs = this.current.slice(textOf(range.from), textOf(range.to));
    let position = 0;
    return {
      next: (count) =>
        this.later('engine iterate', () => {
          position += count;
          return pairs.slice(position - count, position);
        }),
      close: () => this.later('engine iterate close', () => {}),
    };
  }

  close(): Promise<void> {
    return this.later('engine close', () => {
      this.alive = false;
    });
  }

  /** The power is cut: what is asked of this object from now on never comes back. */
  crash(random: Random, schedule: Schedule = this.schedule): MemoryEngine {
    this.alive = false;
    const survivors = this.settled.clone();
    const underWay = [...this.inFlight].map((batch): Batch => ({ writes: copyOf(batch), synced: false }));
    for (const { writes, synced } of [...this.unsettled, ...underWay])
      if (synced || random.below(2) === 1) survivors.apply(writes);
    return new MemoryEngine(schedule, survivors);
  }

  /** The process is killed, the machine lives: the page cache keeps what was written, and of what was under way any part. */
  kill(random: Random): MemoryEngine {
    this.alive = false;
    const kept = new MemoryEngine(this.schedule, this.settled.clone());
    for (const batch of this.unsettled) kept.take(batch);
    for (const batch of this.inFlight)
      if (random.below(2) === 1) kept.take({ writes: copyOf(batch), synced: false });
    return kept;
  }

  /** Opened by another process, after a clean close or a kill: what it finds is durable. */
  reopen(schedule: Schedule = this.schedule): MemoryEngine {
    this.alive = false;
    return new MemoryEngine(schedule, this.current.clone());
  }

  private take(batch: Batch): void {
    this.current.apply(batch.writes);
    this.unsettled.push(batch);
    while (this.unsettled[0]?.synced || this.unsettled.length > UNSETTLED_BATCHES_MAX)
      this.settled.apply(this.unsettled.shift()!.writes);
  }

  private later<Value>(label: string, effect: () => Value): Promise<Value> {
    return new Promise((resolve) => {
      this.schedule(label, () => {
        if (this.alive) resolve(effect());
      });
    });
  }
}

/** A sorted array and a map over the same pairs. A slice stays as it was, because pairs are never changed, only replaced. */
export class OrderedTable {
  private readonly values = new Map<TextKey, Pair>();
  private readonly keys: TextKey[] = [];

  get(key: TextKey): Buffer | undefined {
    return this.values.get(key)?.[1];
  }

  apply(batch: readonly EngineWrite[]): void {
    for (const write of batch) {
      const key = textOf(write.key);
      if (write.kind === 'put') this.put(key, [write.key, write.value]);
      else this.delete(key);
    }
  }

  slice(from: TextKey, to: TextKey): Pair[] {
    return this.keys.slice(this.position(from), this.position(to)).map((key) => this.values.get(key)!);
  }

  clone(): OrderedTable {
    const copy = new OrderedTable();
    for (const key of this.keys) copy.keys.push(key);
    for (const [key, pair] of this.values) copy.values.set(key, pair);
    return copy;
  }

  private put(key: TextKey, pair: Pair): void {
    if (!this.values.has(key)) this.keys.splice(this.position(key), 0, key);
    this.values.set(key, pair);
  }

  private delete(key: TextKey): void {
    if (this.values.delete(key)) this.keys.splice(this.position(key), 1);
  }

  /** How many keys are before `key`. */
  private position(key: TextKey): number {
    let low = 0;
    let high = this.keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.keys[middle]! < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function textOf(key: Buffer): TextKey {
  return key.toString('latin1');
}

/** The caller may use its buffers again once the write has resolved. */
function copyOf(batch: EngineBatch): EngineWrite[] {
  return Array.from(batch, (write): EngineWrite => {
    const key = Buffer.from(write.key);
    return write.kind === 'put'
      ? { kind: 'put', key, value: Buffer.from(write.value) }
      : { kind: 'delete', key };
  });
}
