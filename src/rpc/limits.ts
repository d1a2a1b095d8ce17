/**
 * The transport's bounds and times, each by its name. Defaults suit a cluster in one building or one region.
 */
import type { ChannelOptions } from '@grpc/grpc-js';
import type { Lane } from './transport.js';

export interface TransportLimits {
  /** Frames of one turn of the event loop share a gRPC message up to this; a larger frame travels alone. */
  readonly messageBytesMax: number;
  /** What gRPC accepts at all: a chunk of entries plus one entry with the largest value. */
  readonly receiveBytesMax: number;
  /** Queued and not yet taken by the connection, a lane. One frame is always admitted to an empty lane. */
  readonly unsentBytesMax: Readonly<Record<Lane, number>>;
  /** Of the reply lane's bound: what is left of it is for small answers only. */
  readonly replyBulkBytesMax: number;
  /** HTTP/2's window of bytes that a reader has not taken, a stream. 64 KiB, its default, stalls a link of 1 ms. */
  readonly windowBytes: number;
  /** A connection that is not up after this is given up. */
  readonly connectTimeoutMs: number;
  readonly reconnectDelayMinMs: number;
  readonly reconnectDelayMaxMs: number;
  /** A quiet connection is asked for a sign of life this often, ... */
  readonly keepaliveMs: number;
  /** ... and is dead when the sign stays out this long. */
  readonly keepaliveTimeoutMs: number;
  /** Peers with an incoming connection at once; further ones are refused. */
  readonly incomingPeersMax: number;
}

const MEBIBYTE = 1024 * 1024;

export const defaultLimits: TransportLimits = {
  messageBytesMax: 256 * 1024,
  receiveBytesMax: 80 * MEBIBYTE,
  unsentBytesMax: {
    control: 8 * MEBIBYTE,
    sync: 96 * MEBIBYTE,
    ack: 8 * MEBIBYTE,
    request: 96 * MEBIBYTE,
    reply: 96 * MEBIBYTE,
    snapshot: 8 * MEBIBYTE,
    snapshotAck: MEBIBYTE,
  },
  replyBulkBytesMax: 84 * MEBIBYTE,
  windowBytes: 4 * MEBIBYTE,
  connectTimeoutMs: 2000,
  reconnectDelayMinMs: 50,
  reconnectDelayMaxMs: 1000,
  keepaliveMs: 2000,
  keepaliveTimeoutMs: 4000,
  incomingPeersMax: 1024,
};

/** What both ends of a connection tell grpc-js. */
export function endpointOptions(limits: TransportLimits): ChannelOptions {
  return {
    'grpc.max_send_message_length': -1,
    'grpc.max_receive_message_length': limits.receiveBytesMax,
    'grpc.keepalive_time_ms': limits.keepaliveMs,
    'grpc.keepalive_timeout_ms': limits.keepaliveTimeoutMs,
    'grpc-node.flow_control_window': limits.windowBytes,
    // Its counters cost time on every message, and nobody reads them.
    'grpc.enable_channelz': 0,
  };
}

export function channelOptions(limits: TransportLimits): ChannelOptions {
  return {
    ...endpointOptions(limits),
    // Two channels to one address would otherwise share one TCP connection.
    'grpc.use_local_subchannel_pool': 1,
    // A message that may have been sent is never sent again.
    'grpc.enable_retries': 0,
    // Without this, grpc-js takes a megabyte for a retry that never comes, and says "written" before it is.
    'grpc.per_rpc_retry_buffer_size': 0,
    'grpc.enable_http_proxy': 0,
    'grpc.service_config_disable_resolution': 1,
  };
}
