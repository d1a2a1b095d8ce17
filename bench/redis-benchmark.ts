/** `redis-benchmark` as a function: one load, its requests per second. */
import { execFile } from 'node:child_process';

export interface Load {
  readonly name: string;
  readonly command: 'set' | 'get';
  readonly clients: number;
  readonly pipeline: number;
  readonly requests: number;
}

const KEYS = 100_000;
const VALUE_BYTES = 64;

export function requestsPerSecond(load: Load, port: number | string): Promise<number> {
  const args = ['-p', port, '-t', load.command, '-n', load.requests, '-c', load.clients, '-P', load.pipeline];
  const words = [...args, '-r', KEYS, '-d', VALUE_BYTES, '--csv'].map(String);
  return new Promise((resolve, reject) => {
    execFile('redis-benchmark', words, { maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      const row = stdout.split('\n').find((line) => line.startsWith(`"${load.command.toUpperCase()}"`));
      const rate = Number(row?.split(',')[1]?.replaceAll('"', ''));
      if (rate > 0) resolve(rate);
      else reject(new Error(`redis-benchmark: ${stderr || stdout || error?.message}`));
    });
  });
}
