/**
 * All that a node does by itself about who belongs to its groups: it works towards wished members where it leads
 * (memberships.ts), and finds out what became of replicas that are not wished (removals.ts).
 */
import type { Env } from '../env.js';
import type { MemberId } from '../raft/message.js';
import type { Forwarder } from './forwarder.js';
import type { Leaders } from './leaders.js';
import { Memberships } from './memberships.js';
import { Removals } from './removals.js';
import type { Replicas } from './replicas.js';
import type { Reporter } from './reporter.js';
import type { NodeSettings } from './settings.js';
import type { TopologyView } from './topology.js';

export interface MemberWorkParts {
  readonly env: Env;
  readonly node: {
    readonly nodeId: number;
    readonly settings: NodeSettings;
    topology(): TopologyView;
    members(groupId: number): readonly number[];
  };
  readonly replicas: Replicas;
  readonly leaders: Leaders;
  readonly forwarder: Forwarder;
  readonly reporter: Reporter;
}

export class MemberWork {
  private readonly memberships: Memberships;
  private readonly removals: Removals;

  constructor({ env, node, replicas, leaders, forwarder, reporter }: MemberWorkParts) {
    const wish = (groupId: number): readonly MemberId[] | undefined => node.topology().wish(groupId);
    const aliveMs = node.settings.slot.raft.electionTimeoutMs;
    const settled = (): void => reporter.soon();
    this.memberships = new Memberships({ env, replicas, wish, aliveMs, settled });
    this.removals = new Removals({ env, node, replicas, wish, leaders, forwarder });
  }

  start(): void {
    this.memberships.start();
    this.removals.start();
  }

  close(): void {
    this.memberships.close();
    this.removals.close();
  }
}
