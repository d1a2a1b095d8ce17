/**
 * What PM accepts from outside, checked before anything is decided: each refusal names the field, the value and what was
 * expected. Pure.
 */

import type { NodeInfo } from '../rpc/topology.js';
import { HASH_SLOTS } from '../slot/hash.js';
import { PmError } from './errors.js';

export interface TableWish {
  readonly name: string;
  /** Undefined: the default. */
  readonly slots?: number;
  readonly replicas?: number;
  readonly mode: 'quorum' | 'async';
  readonly password?: string;
}

export const REPLICAS_MAX = 7;
const TABLE_NAME = /^[a-z0-9][a-z0-9_-]{0,63}$/;
const NODE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const PASSWORD_BYTES_MAX = 512;

export function checkTableWish(wish: TableWish): void {
  if (!TABLE_NAME.test(wish.name) || /^\d+$/.test(wish.name)) {
    const expected = '1 to 64 of a-z, 0-9, _ and -, first a letter or a digit, not digits alone';
    throw invalid('name', wish.name, expected);
  }
  if (wish.slots !== undefined && !isWithin(wish.slots, 1, HASH_SLOTS)) {
    throw invalid('slots', wish.slots, `an integer from 1 to ${HASH_SLOTS}`);
  }
  if (wish.replicas !== undefined) checkReplicas(wish.replicas);
  if (Buffer.byteLength(wish.password ?? '') > PASSWORD_BYTES_MAX) {
    throw new PmError('INVALID_ARGUMENT', `password: longer than ${PASSWORD_BYTES_MAX} bytes`);
  }
}

export function checkReplicas(replicas: number): void {
  if (isWithin(replicas, 1, REPLICAS_MAX) && replicas % 2 === 1) return;
  throw invalid(
    'replicas',
    replicas,
    '1, 3, 5 or 7 (an even number survives no more failures than the odd one below it)',
  );
}

export function checkNode(node: Omit<NodeInfo, 'nodeId'>, registrationKey: string): void {
  if (registrationKey.length < 16 || registrationKey.length > 128) {
    throw new PmError('INVALID_ARGUMENT', 'registration_key: expected 16 to 128 random characters');
  }
  if (!NODE_NAME.test(node.name)) {
    throw invalid('address.name', node.name, '1 to 64 letters, digits, ".", "_" and "-"');
  }
  if (node.host === '' || node.host.length > 253)
    throw invalid('address.host', node.host, 'a host name or an IP address');
  for (const field of ['peerPort', 'respPort', 'clusterPort', 'httpPort'] as const) {
    // A listener that is switched off says 0; peers must always find the node.
    const least = field === 'peerPort' ? 1 : 0;
    if (!isWithin(node[field], least, 65535))
      throw invalid(`address.${field}`, node[field], `a port, ${least} to 65535`);
  }
  if (node.zone.length > 64) throw invalid('address.zone', node.zone, 'at most 64 characters');
  const { machine = '' } = node;
  if (machine.length > 64) throw invalid('address.machine', machine, 'at most 64 characters');
}

function isWithin(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && value >= least && value <= most;
}

function invalid(field: string, value: string | number, expected: string): PmError {
  return new PmError(
    'INVALID_ARGUMENT',
    `${field}: ${JSON.stringify(value)} is not valid, expected ${expected}`,
  );
}
