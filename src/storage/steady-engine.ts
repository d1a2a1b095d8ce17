/**
 * An engine that outlives a full disk.
 *
 * LevelDB that found no room for a write takes no other one until it is opened again: its log may end in a part of the batch, and
 * what it would write behind that could not be read back. So writes wait; reads go on with what was there before. When there is room,
 * the database is closed and opened again (which makes all that it holds durable once more), the end of the last batch that
 * was acknowledged is looked for in it, and the writes that waited are done again, whole. A batch is atomic, so doing one
 * again that is there already changes nothing.
 *
 * Iterators do not survive it: their view is gone, and `next` rejects with EngineReopened. Whoever holds one begins again.
 * Every failure but want of room is the caller's, as ever. Left out: bounding what waits (the callers' writes are bounded).
 */
import { invariant } from '../assert.js';
import type { Env } from '../env.js';
import { DiskFull, isDiskFull } from './disk-full.js';
import type {
  Engine,
  EngineBatch,
  EngineIterator,
  EngineRange,
  EngineWrite,
  WriteOptions,
} from './engine.js';

export interface SteadyEngineParts {
  readonly env: Pick<Env, 'after' | 'log'>;
  /** Opens the database; called again after each close. */
  open(): Promise<Engine>;
  freeBytes(): Promise<number>;
  /** What opening may need: it writes what the database's log holds into tables. */
  readonly roomBytes: number;
}

/** An iterator's view is gone: the engine was opened again. */
export class EngineReopened extends Error {
  override readonly name = 'EngineReopened';
}

const LOOK_MS = 100;

export async function openSteadyEngine(parts: SteadyEngineParts): Promise<Engine> {
  return new SteadyEngine(parts, await parts.open());
}

class SteadyEngine implements Engine {
  /** Set while the database is closed to be opened again: reads wait for it. */
  private opening: Promise<void> | undefined;
  /** Set from a write that found no room until the database can be written again. */
  private recovering: Promise<void> | undefined;
  private turn: Promise<unknown> = Promise.resolve();
  private generation = 0;
  /** The last operation of the newest batch that was acknowledged as synced: where it is, all of the batch is. */
  private witness: Witness | undefined;
  private closed = false;
  private endPause: () => void = () => {};

  constructor(
    private readonly parts: SteadyEngineParts,
    private engine: Engine,
  ) {}

  async get(key: Buffer): Promise<Buffer | undefined> {
    while (this.opening !== undefined) await this.opening;
    return this.engine.get(key);
  }

  async getMany(keys: readonly Buffer[]): Promise<readonly (Buffer | undefined)[]> {
    while (this.opening !== undefined) await this.opening;
    return this.engine.getMany(keys);
  }

  async write(batch: EngineBatch, options: WriteOptions): Promise<void> {
    const passing = new PassingBatch(batch);
    while (!(await this.attempt(passing, options))) {
      if (options.whenFull === 'reject') throw new DiskFull('the disk is full');
    }
    if (options.sync && passing.last !== undefined) this.witness = witnessOf(passing.last);
  }

  iterate(range: EngineRange): EngineIterator {
    let opened: { readonly iterator: EngineIterator; readonly generation: number } | undefined;
    // At once where it can be: the view is that of this moment.
    if (this.opening === undefined) opened = this.openIterator(range);
    return {
      next: async (count) => {
        while (opened === undefined && this.opening !== undefined) await this.opening;
        opened ??= this.openIterator(range);
        const { iterator, generation } = opened;
        try {
          if (generation === this.generation) return await iterator.next(count);
        } catch (why) {
          if (generation === this.generation) throw why;
        }
        throw new EngineReopened('the engine was opened again under an iterator');
      },
      close: async () => {
        if (opened?.generation === this.generation) await opened.iterator.close();
      },
    };
  }

  readonly stopWaiting = (): void => {
    this.closed = true;
    this.endPause();
  };

  async close(): Promise<void> {
    this.stopWaiting();
    await this.recovering?.catch(() => {});
    await this.opening?.catch(() => {});
    await this.engine.close();
  }

  private openIterator(range: EngineRange): {
    readonly iterator: EngineIterator;
    readonly generation: number;
  } {
    return { iterator: this.engine.iterate(range), generation: this.generation };
  }

  /** False where there was no room. */
  private async attempt(batch: EngineBatch, options: WriteOptions): Promise<boolean> {
    while (this.recovering !== undefined) {
      if (options.whenFull === 'reject') return false;
      await this.recovering;
    }
    return this.inTurn(async () => {
      if (this.recovering !== undefined) return false;
      try {
        await this.engine.write(batch, options);
        return true;
      } catch (why) {
        if (!isDiskFull(why)) throw why;
        this.recoverFrom(why);
        return false;
      }
    });
  }

  /** One write at a time: LevelDB would put a second one behind what is left of one that failed, where nobody can read it back. */
  private inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.turn.then(work);
    this.turn = result.catch(() => {});
    return result;
  }

  /** Writes of the same failure share one recovery. */
  private recoverFrom(why: unknown): void {
    if (this.recovering !== undefined) return;
    this.recovering = this.recover(this.generation, why);
    // Whoever writes next is told; there may be nobody who waits for it.
    this.recovering.catch(() => {});
  }

  /** Resolves when the database takes writes again. */
  private async recover(generation: number, why: unknown): Promise<void> {
    const { log } = this.parts.env;
    log.warn('the engine found no room; its writes wait', { why: String(why) });
    while (this.generation === generation) {
      await this.untilRoom();
      if (this.closed) throw new DiskFull('closed while the disk was full');
      this.opening = this.reopen();
      await this.opening.finally(() => {
        this.opening = undefined;
      });
    }
    this.recovering = undefined;
    log.info('the engine was opened again and goes on', {});
  }

  private async untilRoom(): Promise<void> {
    while (!this.closed && (await this.parts.freeBytes()) < this.parts.roomBytes) await this.pause();
  }

  /** Goes on until it is open: without it there are no reads. */
  private async reopen(): Promise<void> {
    this.generation++;
    await this.engine.close();
    for (;;) {
      try {
        this.engine = await this.parts.open();
        break;
      } catch (why) {
        if (this.closed || !isDiskFull(why)) throw why;
        await this.pause();
      }
    }
    await this.verify();
  }

  private async verify(): Promise<void> {
    const { witness } = this;
    if (witness === undefined) return;
    const found = await this.engine.get(witness.key);
    const { value, valueBytes } = witness;
    const holds = found?.length === valueBytes && (value === undefined || found?.equals(value) === true);
    invariant(holds, 'the engine lost a batch that it had acknowledged as synced', {
      key: witness.key.toString('hex'),
    });
  }

  private pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.parts.env.after(LOOK_MS, resolve);
      this.endPause = () => {
        timer.cancel();
        resolve();
      };
    });
  }
}

interface Witness {
  readonly key: Buffer;
  /** Undefined: deleted. */
  readonly valueBytes: number | undefined;
  /** Of a small one. */
  readonly value: Buffer | undefined;
}

const WITNESS_BYTES_MAX = 4096;

/** Remembers what it was that went by last. */
class PassingBatch implements EngineBatch {
  last: EngineWrite | undefined;

  constructor(private readonly batch: EngineBatch) {}

  *[Symbol.iterator](): Iterator<EngineWrite> {
    for (const write of this.batch) {
      this.last = write;
      yield write;
    }
  }
}

function witnessOf(last: EngineWrite): Witness {
  const { key } = last;
  if (last.kind === 'delete') return { key, valueBytes: undefined, value: undefined };
  const { value } = last;
  return { key, valueBytes: value.length, value: value.length <= WITNESS_BYTES_MAX ? value : undefined };
}
