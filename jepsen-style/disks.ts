/**
 * A disk of its own for each node: an ext4 image, mounted where the node keeps its data, whose power can be cut.
 *
 * The cut is the kernel's own (EXT4_IOC_SHUTDOWN without a flush of the journal): from one moment on nothing reaches the
 * image any more, what was only in memory is gone, and a name or a length that was not synced is as it was before. Unmounted
 * and mounted again it is what a machine finds that comes back. Node has no ioctl; perl has, and every Debian has perl.
 * Needs root. Whatever happens, `remove` leaves no mount behind.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const PROGRAMS = ['mkfs.ext4', 'mount', 'umount', 'perl', 'truncate', 'sync'];
/** 2 is EXT4_GOING_FLAGS_NOLOGFLUSH. All disks in one process: their power goes within a millisecond. */
const CUT = `
for my $folder (@ARGV) {
  open(my $handle, '<', $folder) or die "$folder: $!\\n";
  my $flags = pack('L', 2);
  ioctl($handle, 0x8004587d, $flags) or die "$folder: $!\\n";
}`;
const UNMOUNT_ATTEMPTS_MAX = 50;
const UNMOUNT_PAUSE_MS = 100;
const TRIAL_MIB = 16;

/** Why there can be no such disks here; undefined where there can. */
export function whyNoDisks(): string | undefined {
  if (process.platform !== 'linux') return 'not Linux';
  if (process.getuid?.() !== 0) return 'not root';
  for (const program of PROGRAMS) {
    if (spawnSync('sh', ['-c', 'command -v "$0"', program]).status !== 0)
      return `${program} is not installed`;
  }
  const folder = mkdtempSync(join(tmpdir(), 'talus-disk-'));
  const trial = new Disk(join(folder, 'image'), join(folder, 'mount'));
  try {
    trial.make(TRIAL_MIB);
    cutAll([trial]);
    return undefined;
  } catch (why) {
    return `the kernel refuses: ${(why as Error).message}`;
  } finally {
    trial.unmountNow();
    rmSync(folder, { recursive: true, force: true });
  }
}

export class Disk {
  constructor(
    private readonly image: string,
    readonly folder: string,
  ) {}

  /** A new and empty one, mounted. The image takes no more room than what is written to it. */
  make(mib: number): void {
    mkdirSync(this.folder, { recursive: true });
    must('truncate', '-s', `${mib}M`, this.image);
    must('mkfs.ext4', '-q', '-F', '-m', '0', this.image);
    this.mount();
  }

  /** As after a reboot. No process may hold a file of it any more. */
  async renew(): Promise<void> {
    await this.unmount();
    this.mount();
  }

  async unmount(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const { status, stderr } = spawnSync('umount', [this.folder], { encoding: 'utf8' });
      if (status === 0) return;
      if (attempt === UNMOUNT_ATTEMPTS_MAX) throw new Error(`umount ${this.folder}: ${stderr.trim()}`);
      await sleep(UNMOUNT_PAUSE_MS);
    }
  }

  /** Out of the way, whoever still uses it. */
  unmountNow(): void {
    spawnSync('umount', ['-l', this.folder]);
  }

  private mount(): void {
    must('mount', '-o', 'loop', this.image, this.folder);
  }
}

/** Nothing that is not on these disks by now ever will be. */
export function cutAll(disks: readonly Disk[]): void {
  must('perl', '-e', CUT, ...disks.map(({ folder }) => folder));
}

/** The disks of a cluster's nodes, node 1 first. */
export class Disks {
  private constructor(private readonly disks: readonly Disk[]) {}

  /** `folders`: where the nodes keep their data. */
  static make(imageFolder: string, folders: readonly string[], mib: number): Disks {
    mkdirSync(imageFolder, { recursive: true });
    const disks = folders.map((folder, i) => new Disk(join(imageFolder, `disk-${i + 1}`), folder));
    const made = new Disks(disks);
    try {
      for (const disk of disks) disk.make(mib);
    } catch (why) {
      made.remove();
      throw why;
    }
    return made;
  }

  /** All that was written so far is on them: what an operator has set up is not what a cut is to take. */
  settle(): void {
    for (const { folder } of this.disks) must('sync', '-f', folder);
  }

  cut(nodes: readonly number[]): void {
    cutAll(this.of(nodes));
  }

  async renew(nodes: readonly number[]): Promise<void> {
    for (const disk of this.of(nodes)) await disk.renew();
  }

  remove(): void {
    for (const disk of this.disks) disk.unmountNow();
  }

  private of(nodes: readonly number[]): Disk[] {
    return nodes.map((node) => this.disks[node - 1]!);
  }
}

function must(program: string, ...args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.at(-1)}: ${error?.message ?? stderr.trim()}`);
}
