/** The two engines as disks that lives end on (tree-lives.ts): power cuts and kills of the one in memory, kills of LevelDB. */
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Random } from '../../src/random.js';
import type { Engine } from '../../src/storage/engine.js';
import { openLevelEngine } from '../../src/storage/level-engine.js';
import { MemoryEngine } from '../../src/storage/memory-engine.js';
import type { LifeDisk } from './tree-lives.js';

export class MemoryDisk implements LifeDisk {
  engine: MemoryEngine;
  private holds = false;
  private held: (() => void)[] = [];

  constructor() {
    this.engine = new MemoryEngine((label, run) => {
      if (this.holds && label.startsWith('engine write')) this.held.push(run);
      else queueMicrotask(run);
    });
  }

  hold(): void {
    this.holds = true;
  }

  release(): void {
    this.holds = false;
    for (const run of this.held.splice(0)) run();
  }

  async end(random: Random): Promise<void> {
    const isPowerCut = random.below(2) === 0;
    this.engine = isPowerCut ? this.engine.crash(random) : this.engine.kill(random).reopen();
    this.release();
  }
}

/** One end in so many is a real one; the others lose memory only: opening LevelDB costs many lives' time. */
const REAL_END_IN = 8;

export class LevelDisk implements LifeDisk {
  private number = 0;
  /** What was asked for last: LevelDB writes one after the other. */
  private writing: Promise<void> = Promise.resolve();

  private constructor(
    private readonly folder: string,
    private level: Engine,
  ) {}

  get engine(): Engine {
    const { level } = this;
    return {
      get: (key) => level.get(key),
      getMany: (keys) => level.getMany(keys),
      iterate: (range) => level.iterate(range),
      close: () => level.close(),
      write: (batch, options) => {
        this.writing = level.write(batch, options);
        return this.writing;
      },
    };
  }

  static async open(): Promise<LevelDisk> {
    const folder = await mkdtemp(join(tmpdir(), 'talus-lives-'));
    return new LevelDisk(folder, await openLevelEngine(join(folder, '0')));
  }

  hold(): void {}

  release(): void {}

  /** What a killed process leaves is what its files hold at that moment, whatever is under way. */
  async end(random: Random): Promise<void> {
    // Else a write that is under way would come after the look at what is there.
    if (random.below(REAL_END_IN) > 0) return this.writing;
    const [from, to] = [join(this.folder, `${this.number}`), join(this.folder, `${++this.number}`)];
    await copyAtOneMoment(from, to);
    await this.level.close();
    this.level = await openLevelEngine(to);
    await rm(from, { recursive: true });
  }

  async close(): Promise<void> {
    await this.level.close();
    await rm(this.folder, { recursive: true });
  }
}

/** LevelDB may be tidying up behind itself: then the copy is of two moments, and is made again. */
async function copyAtOneMoment(from: string, to: string): Promise<void> {
  for (;;) {
    const before = await readdir(from);
    const isWhole = await cp(from, to, { recursive: true }).then(
      () => true,
      () => false,
    );
    if (isWhole && (await readdir(from)).join() === before.join()) return;
    await rm(to, { recursive: true, force: true });
  }
}
