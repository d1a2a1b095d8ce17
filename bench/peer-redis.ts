/** A lone `redis-server` to compare with: in a folder of its own, syncing its log at every write, as a node does. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../jepsen-style/ports.js';
import { PipelinedClient } from './pipeline.js';

export class PeerRedis {
  static async start(): Promise<PeerRedis> {
    const port = await freePorts([0]);
    const folder = mkdtempSync(join(tmpdir(), 'talus-peer-'));
    const words = ['--port', `${port}`, '--dir', folder, '--save', ''];
    const child = spawn('redis-server', [...words, '--appendonly', 'yes', '--appendfsync', 'always']);
    // However this process ends, it does not stay.
    process.once('exit', () => {
      child.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    });
    await new Promise<void>((resolve, reject) => {
      let said = '';
      child.stdout.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        if (/Ready to accept connections/.test(said)) resolve();
      });
      child.once('error', reject);
      child.once('close', () => reject(new Error(`redis-server ended: ${said.trim()}`)));
    });
    return new PeerRedis(port, folder, child);
  }

  private constructor(
    readonly port: number,
    private readonly folder: string,
    private readonly child: ChildProcess,
  ) {}

  client(): Promise<PipelinedClient> {
    return PipelinedClient.open(this.port);
  }

  get pid(): number {
    return this.child.pid!;
  }

  async stop(): Promise<void> {
    const gone = new Promise((resolve) => this.child.once('close', resolve));
    this.child.kill('SIGKILL');
    await gone;
    rmSync(this.folder, { recursive: true, force: true });
  }
}
