/** The ceiling server (bench/ceiling.ts) as a peer. */
import { fileURLToPath } from 'node:url';
import { freePorts } from '../../jepsen-style/ports.js';
import { Child } from './child.js';
import type { Peer, Servers } from './peer.js';

const SERVER = fileURLToPath(new URL('../ceiling.js', import.meta.url));

export class CeilingServer implements Servers {
  private child: Child | undefined;

  async peer(name: string): Promise<Peer | undefined> {
    if (name !== 'ceiling') return undefined;
    const port = await freePorts([0]);
    const child = await Child.start(process.execPath, [SERVER, `${port}`], (said) => said.includes('ready'));
    this.child = child;
    return {
      name,
      promise: 'nothing: our RESP layer on a Map',
      protocol: 'resp',
      knows: ['set', 'get', 'incr'],
      wait: false,
      targets: async () => [{ host: '127.0.0.1', port }],
      pids: () => [child.pid],
    };
  }

  async stop(): Promise<void> {
    await this.child?.stop();
  }
}
