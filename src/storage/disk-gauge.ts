/**
 * Knows in good time that the disk is getting full, whoever fills it.
 *
 *   AMPLE     all goes on
 *   LOW       below `freeBytesMin`: nothing that takes more room is begun where it can be helped
 *   RESERVED  below half of it: the rest is for what frees room (checkpoints, purge) and for what must not fail (votes)
 *   STARVED   a write of the log has found no room and waits
 *
 * A sample is taken whenever the log has grown by a small part of the mark, and by the clock: so soon that not even a fast writer
 * (another program, or the engine) gets from where the disk was to the reserve unseen. Off and on are a quarter apart,
 * or it would flap around a mark.
 */
import type { Files } from './files.js';

export const AMPLE = 0;
export const LOW = 1;
export const RESERVED = 2;
export const STARVED = 3;
/** Larger is worse. */
export type Space = typeof AMPLE | typeof LOW | typeof RESERVED | typeof STARVED;

export const RESERVED_SHARE = 0.5;
const RESUME_FACTOR = 1.25;
const SAMPLE_BYTES_MAX = 16 * 1024 * 1024;
const SAMPLE_BYTES_MIN = 64 * 1024;
/** So many samples between the mark and nothing, if the log alone grew. */
const SAMPLES_A_MARK = 16;
const SAMPLE_MS_MIN = 100;
const SAMPLE_MS_MAX = 2000;
/** As fast as the fastest writer is taken to be. */
const WRITER_BYTES_PER_MS = (1024 * 1024 * 1024) / 1000;

export class DiskGauge {
  /** As of the last sample. */
  freeBytes = Number.POSITIVE_INFINITY;
  /** The log waits for room: said by its writer. */
  starved = false;
  private level: Space = AMPLE;
  private sinceSampleBytes = 0;
  private readonly sampleBytes: number;

  constructor(
    private readonly files: Pick<Files, 'freeBytes'>,
    private readonly freeBytesMin: number,
  ) {
    const share = freeBytesMin / SAMPLES_A_MARK;
    this.sampleBytes = Math.max(SAMPLE_BYTES_MIN, Math.min(SAMPLE_BYTES_MAX, share));
  }

  get space(): Space {
    return this.starved ? STARVED : this.level;
  }

  /** When the next sample by the clock is due, from the last one. */
  get sampleAfterMs(): number {
    if (this.space !== AMPLE) return SAMPLE_MS_MIN;
    const aboveBytes = this.freeBytes - this.freeBytesMin * RESERVED_SHARE;
    return Math.max(SAMPLE_MS_MIN, Math.min(SAMPLE_MS_MAX, aboveBytes / WRITER_BYTES_PER_MS));
  }

  /** Called with what was written; the sample is taken beside the log's own work. */
  wrote(bytes: number): void {
    this.sinceSampleBytes += bytes;
    if (this.sinceSampleBytes >= this.sampleBytes) void this.sample();
  }

  /** Never rejects: a file system that can't tell its space is taken to have what it had. */
  async sample(): Promise<void> {
    this.sinceSampleBytes = 0;
    try {
      this.freeBytes = await this.files.freeBytes();
    } catch {
      return;
    }
    if (this.isBelow(RESERVED, this.freeBytesMin * RESERVED_SHARE)) this.level = RESERVED;
    else this.level = this.isBelow(LOW, this.freeBytesMin) ? LOW : AMPLE;
  }

  private isBelow(level: Space, markBytes: number): boolean {
    return this.freeBytes < markBytes * (this.level >= level ? RESUME_FACTOR : 1);
  }
}
