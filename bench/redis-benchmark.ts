/** `redis-benchmark` as a function: one load, its requests per second and how long they took. */
import { execFile } from 'node:child_process';

export interface Load {
  readonly name: string;
  readonly command: 'set' | 'get';
  readonly clients: number;
  readonly pipeline: number;
  readonly requests: number;
  /** Drawn from so many: `key:000000000000` and up. */
  readonly keys?: number;
  readonly valueBytes?: number;
}

export interface LoadFigures {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

const KEYS = 100_000;
const VALUE_BYTES = 64;

/** A key as redis-benchmark writes it. */
export function benchmarkKey(number: number): string {
  return `key:${String(number).padStart(12, '0')}`;
}

export async function requestsPerSecond(load: Load, port: number | string): Promise<number> {
  return (await figuresOf(load, port)).perSecond;
}

export function figuresOf(load: Load, port: number | string): Promise<LoadFigures> {
  const args = ['-p', port, '-t', load.command, '-n', load.requests, '-c', load.clients, '-P', load.pipeline];
  const keys = ['-r', load.keys ?? KEYS, '-d', load.valueBytes ?? VALUE_BYTES];
  const words = [...args, ...keys, '--csv'].map(String);
  return new Promise((resolve, reject) => {
    execFile('redis-benchmark', words, { maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      const row = stdout.split('\n').find((line) => line.startsWith(`"${load.command.toUpperCase()}"`));
      const [, rate, , , p50, , p99, max] =
        row?.split(',').map((field) => Number(field.replaceAll('"', ''))) ?? [];
      if (rate !== undefined && rate > 0) {
        resolve({ perSecond: rate, p50Ms: p50!, p99Ms: p99!, maxMs: max! });
      } else reject(new Error(`redis-benchmark: ${stderr || stdout || error?.message}`));
    });
  });
}
