/**
 * Who is measured: servers that were started, and how a load reaches them. Several peers may be the same servers asked in different
 * ways: Redis with WAIT and without.
 */
import type { Target } from '../load/plan.js';

/**
 * Which addresses the clients go to, where a server has more than one: node 1, which leads where one node leads; node 2, which then
 * forwards everything; all in turn; or each key straight to its leader, as a cluster client does.
 */
export const VIAS = ['one', 'other', 'all', 'cluster'] as const;
export type Via = (typeof VIAS)[number];

export interface Peer {
  readonly name: string;
  /** What an answer to a write means, in one line. */
  readonly promise: string;
  readonly protocol: 'resp' | 'etcd';
  /** The only commands of loads that it knows; absent: all. */
  readonly knows?: readonly string[];
  /** WAIT 1 after each command. */
  readonly wait: boolean;
  /** Asked for instead of the load's commands, to compare commands on one server. */
  readonly mix?: string;
  readonly greeting?: readonly (readonly string[])[];
  targets(via: Via): Promise<readonly Target[]>;
  /** Of the servers, for what they cost. */
  pids(): readonly number[];
}

/** Servers of one kind, as long as the bench runs. */
export interface Servers {
  /** By name; undefined where these servers are no such peer. Rejects with NotHere when they can't be. */
  peer(name: string): Promise<Peer | undefined>;
  stop(): Promise<void>;
}

/** A peer that can't be measured here, and why: skipped, never taken for a figure. */
export class NotHere extends Error {
  override readonly name = 'NotHere';
}
