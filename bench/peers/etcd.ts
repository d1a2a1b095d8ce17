/**
 * etcd with three members. Clients go to the member that leads, as they go to the node that leads elsewhere.
 */
import { join } from 'node:path';
import { freePorts } from '../../jepsen-style/ports.js';
import { Child } from './child.js';
import type { Peer, Servers } from './peer.js';

const MEMBERS = [0, 1, 2];

export class EtcdServers implements Servers {
  private readonly children: Child[] = [];

  constructor(private readonly folder: string) {}

  async peer(name: string): Promise<Peer | undefined> {
    if (name !== 'etcd') return undefined;
    const port = await freePorts([...MEMBERS, ...MEMBERS.map((member) => member + 10)]);
    await this.start(port);
    return {
      name,
      promise: 'on the disks of a majority; linearizable',
      protocol: 'etcd',
      knows: ['set', 'get'],
      wait: false,
      targets: async () => [{ host: '127.0.0.1', port: await leaderPort(port) }],
      pids: () => this.children.map(({ pid }) => pid),
    };
  }

  async stop(): Promise<void> {
    await Promise.all(this.children.map((child) => child.stop()));
  }

  private async start(port: number): Promise<void> {
    const peerUrl = (member: number): string => `http://127.0.0.1:${port + 10 + member}`;
    const clientUrl = (member: number): string => `http://127.0.0.1:${port + member}`;
    const initial = MEMBERS.map((member) => `m${member}=${peerUrl(member)}`).join(',');
    const started = MEMBERS.map(async (member) => {
      const args = ['--name', `m${member}`, '--data-dir', join(this.folder, `etcd-${member}`)];
      args.push('--listen-client-urls', clientUrl(member), '--advertise-client-urls', clientUrl(member));
      args.push('--listen-peer-urls', peerUrl(member), '--initial-advertise-peer-urls', peerUrl(member));
      args.push('--initial-cluster', initial);
      this.children.push(await Child.start('etcd', args, () => isHealthy(clientUrl(member))));
    });
    await Promise.all(started);
  }
}

async function isHealthy(url: string): Promise<boolean> {
  try {
    return (await (await fetch(`${url}/health`)).text()).includes('true');
  } catch {
    return false;
  }
}

/** By the members' own word, over etcd's JSON gateway. */
async function leaderPort(first: number): Promise<number> {
  for (const member of MEMBERS) {
    const url = `http://127.0.0.1:${first + member}/v3/maintenance/status`;
    const status = (await (await fetch(url, { method: 'POST', body: '{}' })).json()) as {
      readonly leader: string;
      readonly header: { readonly member_id: string };
    };
    if (status.leader === status.header.member_id) return first + member;
  }
  throw new Error('etcd: no member leads');
}
