/**
 * How a node registers, and what it must show: the same node is known by its key, and an older copy of its data folder by the number
 * of its start.
 */
import type { Boot, NodeInfo } from '../rpc/topology.js';
import { PmError } from './errors.js';
import type { NodeRecord } from './model.js';

export interface Registration {
  readonly registrationKey: string;
  /** What an earlier registration gave, if any. */
  readonly nodeId?: number;
  readonly clusterId?: string;
  readonly address: Omit<NodeInfo, 'nodeId' | 'boot'>;
  /** Of the data folder that speaks. */
  readonly boot?: Boot;
}

export function isSameNode(node: NodeRecord, address: Registration['address']): boolean {
  const fields = [
    'name',
    'host',
    'peerPort',
    'respPort',
    'clusterPort',
    'httpPort',
    'zone',
    'machine',
  ] as const;
  return fields.every((field) => node[field] === address[field]);
}

export function hasBoot(node: NodeRecord, boot: Boot | undefined): boolean {
  return boot === undefined || boot.number === node.boot?.number;
}

/** What a node's folder promised after it was copied, the copy knows nothing of. */
export function refuseOlderCopy({ nodeId, name, boot: seen }: NodeRecord, boot: Boot | undefined): void {
  if (seen === undefined || boot === undefined || boot.number > seen.number) return;
  if (boot.number === seen.number && boot.id === seen.id) return;
  const what = boot.number < seen.number ? 'an older copy' : 'another copy';
  const why = `the data folder of node ${nodeId} (${name}) is ${what}: it has been started ${boot.number} times, the node ${seen.number}`;
  throw new PmError('DATA_LOSS', why);
}
