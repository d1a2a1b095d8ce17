/**
 * Looks at processes a few times a second, from outside: the most memory that any of them had.
 *
 * Resident memory has two parts. What the process made itself (anonymous) is its own. What it mapped of files, LevelDB's tables
 * above all, is the kernel's page cache, which it may take back at any time; tools show the sum.
 */
import { readFileSync } from 'node:fs';

const LOOK_MS = 200;

export interface Resident {
  readonly totalBytes: number;
  readonly ownBytes: number;
}

export function residentOf(pid: number): Resident {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kilobytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? Number.NaN);
  return { totalBytes: kilobytes('VmRSS') * 1024, ownBytes: kilobytes('RssAnon') * 1024 };
}

export class MemoryWatch {
  peak: Resident = { totalBytes: 0, ownBytes: 0 };
  private readonly timer: NodeJS.Timeout;

  constructor(private readonly pids: () => readonly number[]) {
    this.timer = setInterval(() => this.look(), LOOK_MS);
  }

  /** The most so far, and counting begins anew. */
  take(): Resident {
    this.look();
    const { peak } = this;
    this.peak = { totalBytes: 0, ownBytes: 0 };
    return peak;
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private look(): void {
    for (const pid of this.pids()) {
      try {
        const now = residentOf(pid);
        this.peak = {
          totalBytes: Math.max(this.peak.totalBytes, now.totalBytes),
          ownBytes: Math.max(this.peak.ownBytes, now.ownBytes),
        };
      } catch {
        // It has ended, or is being started again.
      }
    }
  }
}

export function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}
