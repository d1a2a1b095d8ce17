/**
 * A session, node and table with fixed answers, for local commands: what they say is then known to the last byte.
 */

import type { NodeView, Session, TableView } from '../../src/commands/session.js';
import { error, integer, OK, type Reply } from '../../src/resp/reply.js';

const NAMES = [1, 2, 3].map((nodeId) => String(nodeId).repeat(40));

export const fakeNode: NodeView = {
  nodeId: 1,
  clusterNodeName: NAMES[0]!,
  wallMs: () => 1_700_000_000_123.456,
  debugCommand: 'local',
  block: () => {},
  config: () => [
    ['port', '9221'],
    ['data-dir', './data'],
    ['binlog-bytes-max', '1048576'],
  ],
  info: () => [
    [
      'Server',
      [
        ['redis_version', '7.2.6'],
        ['tcp_port', '9221'],
      ],
    ],
    ['Keyspace', [['db0', 'keys=1']]],
  ],
};

export const fakeTable: TableView = {
  id: 0,
  name: 'default',
  slots: 3,
  nodes: () =>
    NAMES.map((clusterNodeName, at) => ({
      nodeId: at + 1,
      clusterNodeName,
      host: `10.0.0.${at + 1}`,
      clusterPort: 9321 + at,
      self: at === 0,
      reachable: at !== 2,
    })),
  ranges: () => [
    { first: 0, last: 5461, leaderNodeId: 1, followerNodeIds: [2, 3], term: 4 },
    { first: 5462, last: 10922, leaderNodeId: 2, followerNodeIds: [1, 3], term: 9 },
    { first: 10923, last: 16383, leaderNodeId: undefined, followerNodeIds: [1, 2, 3], term: 2 },
  ],
  countKeysInHashSlot: (hashSlot) => Promise.resolve(integer(hashSlot + 1)),
};

const WRONG = error('WRONGPASS invalid username-password pair or user is disabled.');

export class FakeSession implements Session {
  readonly id = 5;
  name = '';
  libName = '';
  libVersion = '';
  readsHere = false;
  authenticated = true;
  fromLoopback = true;
  readonly node = fakeNode;
  readonly table = fakeTable;
  /** What the session was asked to do, in order. */
  readonly asked: string[] = [];

  quit(): void {
    this.asked.push('quit');
  }

  reset(): void {
    this.asked.push('reset');
    this.name = '';
  }

  authenticate(table: string | undefined, password: Buffer): Promise<Reply> {
    this.asked.push(`authenticate ${table} ${password}`);
    const right = password.toString() === 'secret';
    this.authenticated ||= right;
    return Promise.resolve(right ? OK : WRONG);
  }

  select(table: string): Reply {
    this.asked.push(`select ${table}`);
    return table === '0' ? OK : error('ERR DB index is out of range');
  }

  replicasWith(needed: number, timeoutMs: number): Promise<number> {
    this.asked.push(`replicas ${needed} ${timeoutMs}`);
    return Promise.resolve(2);
  }

  describe(): string {
    return `id=${this.id} name=${this.name} lib-name=${this.libName} lib-ver=${this.libVersion}`;
  }
}
