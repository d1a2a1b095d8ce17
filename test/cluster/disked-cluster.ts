/**
 * A cluster whose nodes have a small disk each, of their own: so that one can be full, or lose its power, and the others not.
 *
 * Needs root (jepsen-style/disks.ts says why not). `stop` leaves no mount and no folder behind.
 */
import { spawnSync } from 'node:child_process';
import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Disks } from '../../jepsen-style/disks.js';
import { type ClusterOptions, TalusCluster } from './talus-cluster.js';

export { whyNoDisks } from '../../jepsen-style/disks.js';

const BALLAST = 'ballast';
const CHUNK_BYTES = 4096;

export class DiskedCluster {
  static async start(options: ClusterOptions & { readonly mib: number }): Promise<DiskedCluster> {
    const cluster = await TalusCluster.prepare(options);
    const folders = cluster.names
      .filter((name) => name.startsWith('node'))
      .map((name) => join(cluster.dataDir, name));
    const disks = Disks.make(join(cluster.folder, 'disks'), folders, options.mib);
    const made = new DiskedCluster(cluster, disks, folders);
    try {
      await cluster.launch();
      disks.settle();
    } catch (why) {
      await made.stop();
      throw why;
    }
    return made;
  }

  private constructor(
    readonly cluster: TalusCluster,
    readonly disks: Disks,
    private readonly folders: readonly string[],
  ) {}

  freeBytes(node: number): number {
    const { bavail, bsize } = statfsSync(this.folders[node - 1]!);
    return bavail * bsize;
  }

  /** Somebody else's file takes the room, at once, but for so much; 0: to the last block. */
  fill(node: number, leftBytes: number): void {
    const path = join(this.folders[node - 1]!, BALLAST);
    this.empty(node);
    const bytes = this.freeBytes(node) - leftBytes;
    const step = leftBytes === 0 ? bytes - 64 * CHUNK_BYTES : bytes;
    const { status, stderr } = spawnSync('fallocate', ['-l', `${step}`, path], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`fallocate: ${stderr}`);
    if (leftBytes === 0) this.fillUp(path);
  }

  /** The room is back. */
  empty(node: number): void {
    const folder = this.folders[node - 1]!;
    for (const name of [BALLAST, `${BALLAST}-rest`]) rmSync(join(folder, name), { force: true });
  }

  async stop(): Promise<void> {
    const killed = await this.cluster.halt();
    this.disks.remove();
    await this.cluster.stop();
    if (killed.length > 0) throw new Error(`had to be killed: ${killed.join(', ')}; ${this.cluster.output}`);
  }

  private fillUp(path: string): void {
    try {
      for (;;) writeFileSync(`${path}-rest`, Buffer.alloc(CHUNK_BYTES, 1), { flag: 'a' });
    } catch (why) {
      if ((why as NodeJS.ErrnoException).code !== 'ENOSPC') throw why;
    }
  }
}
