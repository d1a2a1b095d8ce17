/**
 * Knows in good time that the disk is getting full: a log that can't be written stops the process, so writes are refused before.
 *
 * Asks at most once per SAMPLE_BYTES written, and whenever purge runs, so that it also sees space come back while nothing is
 * written. Off and on are a quarter apart, or it would flap around the mark.
 */
import type { Files } from './files.js';

const SAMPLE_BYTES = 16 * 1024 * 1024;
const RESUME_FACTOR = 1.25;

export class DiskGauge {
  /** True: refuse what makes the log grow. */
  low = false;
  /** As of the last sample. */
  freeBytes = Number.POSITIVE_INFINITY;
  private sinceSampleBytes = 0;

  constructor(
    private readonly files: Files,
    private readonly freeBytesMin: number,
  ) {}

  /** Called with what was written; the sample is taken beside the log's own work. */
  wrote(bytes: number): void {
    this.sinceSampleBytes += bytes;
    if (this.sinceSampleBytes >= SAMPLE_BYTES) void this.sample();
  }

  /** Never rejects: a file system that can't tell its space is taken to have what it had. */
  async sample(): Promise<void> {
    this.sinceSampleBytes = 0;
    try {
      this.freeBytes = await this.files.freeBytes();
    } catch {
      return;
    }
    this.low = this.freeBytes < this.freeBytesMin * (this.low ? RESUME_FACTOR : 1);
  }
}
