/**
 * The Hello: who calls whom, said in the metadata of each call and of its answer, checked by both sides before a frame
 * passes. It keeps apart clusters that share a network, nodes that took over an address, versions that don't
 * understand each other, and the connections of one peer.
 */
import { Metadata, type StatusObject, status } from '@grpc/grpc-js';
import type { KnownBoots } from './boots.js';
import type { Security } from './credentials.js';
import type { Boot } from './topology.js';
import type { NodeId } from './transport.js';

/** Of the peer service and what its frames hold; a change that an older node can't read raises it. */
export const PEER_PROTOCOL_VERSION = 2;

export interface PeerIdentity {
  readonly clusterId: string;
  readonly nodeId: NodeId;
  /** Which start of the node's data folder speaks. */
  readonly boot?: Boot;
}

/** Tells the connections of one node apart: `boot` names the process, `sequence` grows with each connection to a peer. */
export interface ConnectionId {
  readonly boot: string;
  readonly sequence: number;
}

export interface Hello extends PeerIdentity {
  readonly connection: ConnectionId;
}

export type Refusal = Pick<StatusObject, 'code' | 'details'>;

const KEYS = {
  protocol: 'talus-protocol',
  clusterId: 'talus-cluster-id',
  nodeId: 'talus-node-id',
  connection: 'talus-connection',
  boot: 'talus-boot',
} as const;

/** Adds the Hello to `metadata` and returns it. Cluster ids are printable ASCII, as headers want it. */
export function writeHello(metadata: Metadata, identity: PeerIdentity, connection: ConnectionId): Metadata {
  metadata.set(KEYS.protocol, String(PEER_PROTOCOL_VERSION));
  metadata.set(KEYS.clusterId, identity.clusterId);
  metadata.set(KEYS.nodeId, String(identity.nodeId));
  metadata.set(KEYS.connection, `${connection.boot}.${connection.sequence}`);
  const { boot } = identity;
  if (boot !== undefined) metadata.set(KEYS.boot, `${boot.number}.${boot.id}`);
  return metadata;
}

/** The answer's metadata: no connection of its own, it belongs to the caller's. */
export function answerHello(identity: PeerIdentity, hello: Hello): Metadata {
  return writeHello(new Metadata(), identity, hello.connection);
}

/** What a caller said, or why it is refused. The token comes first: strangers learn nothing else. */
export function checkCaller(
  metadata: Metadata,
  identity: PeerIdentity,
  security: Security,
  boots?: KnownBoots,
):
  | { readonly kind: 'hello'; readonly hello: Hello }
  | { readonly kind: 'refused'; readonly refusal: Refusal } {
  if (!security.admits(metadata)) {
    return {
      kind: 'refused',
      refusal: { code: status.UNAUTHENTICATED, details: 'wrong or missing cluster token' },
    };
  }
  const hello = readHello(metadata, identity);
  if (typeof hello === 'string') return preconditionFailed(hello);
  if (hello.nodeId === identity.nodeId) return preconditionFailed(`node ${hello.nodeId} is myself`);
  const older = boots?.refusalOf(hello.nodeId, hello.boot);
  if (older !== undefined) return { kind: 'refused', refusal: { code: status.DATA_LOSS, details: older } };
  return { kind: 'hello', hello };
}

/** What is wrong with the answer to a call that meant `expected`; undefined when nothing is. */
export function checkAnswer(
  metadata: Metadata,
  identity: PeerIdentity,
  expected: NodeId,
  boots?: KnownBoots,
): string | undefined {
  const hello = readHello(metadata, identity);
  if (typeof hello === 'string') return hello;
  if (hello.nodeId !== expected) return `node ${hello.nodeId} answers at the address of node ${expected}`;
  return boots?.refusalOf(hello.nodeId, hello.boot);
}

function readHello(metadata: Metadata, identity: PeerIdentity): Hello | string {
  const protocol = textOf(metadata, KEYS.protocol);
  if (protocol !== String(PEER_PROTOCOL_VERSION)) {
    return `peer protocol ${protocol || 'unknown'}, want ${PEER_PROTOCOL_VERSION}`;
  }
  const clusterId = textOf(metadata, KEYS.clusterId);
  if (clusterId !== identity.clusterId)
    return `cluster ${clusterId || 'unknown'}, this is ${identity.clusterId}`;
  const nodeId = Number(textOf(metadata, KEYS.nodeId));
  const connection = /^([0-9a-f]{1,32})\.(\d{1,15})$/.exec(textOf(metadata, KEYS.connection));
  if (!Number.isSafeInteger(nodeId) || nodeId <= 0 || connection === null) return 'malformed hello';
  const [, number, id] = /^(\d{1,15})\.([0-9a-f]{1,32})$/.exec(textOf(metadata, KEYS.boot)) ?? [];
  return {
    ...{ clusterId, nodeId, connection: { boot: connection[1]!, sequence: Number(connection[2]) } },
    ...(number !== undefined && { boot: { number: Number(number), id: id! } }),
  };
}

function preconditionFailed(details: string) {
  return { kind: 'refused', refusal: { code: status.FAILED_PRECONDITION, details } } as const;
}

function textOf(metadata: Metadata, key: string): string {
  const [value] = metadata.get(key);
  return typeof value === 'string' ? value : '';
}
