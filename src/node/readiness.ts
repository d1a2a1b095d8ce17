/**
 * Whether this node should get new clients, and why not.
 *
 * A slot without a leader is at first this node's lack of knowledge, and later the cluster's trouble and no other node's help: were all
 * that know of it to become unready, a balancer would be left without any. Without one leader at all it is this node that is cut off.
 */
import type { Leaders } from './leaders.js';
import { isHeld } from './members.js';
import type { Replicas } from './replicas.js';
import type { TopologyView } from './topology.js';

export interface ReadinessHost {
  readonly stopping: boolean;
  readonly nodeId: number;
  readonly replicas: Pick<Replicas, 'get'>;
  readonly leaders: Pick<Leaders, 'of'>;
  topology(): TopologyView;
}

export class Readiness {
  private hasBeenReady = false;

  constructor(private readonly host: ReadinessHost) {}

  /** Whether anybody asks /readyz or not: that it was ready once is remembered. */
  look(): void {
    if (!this.hasBeenReady) this.reasons();
  }

  /** Empty: it should. */
  reasons(): readonly string[] {
    const { stopping, nodeId, replicas, leaders } = this.host;
    if (stopping) return ['the node is stopping'];
    if (nodeId === 0) return ['not registered with a placement manager yet'];
    const view = this.host.topology();
    if (view.isUnknown) return ['no topology yet'];
    const mine = [...view.groups()].filter(({ group }) => isHeld(group, nodeId, replicas.get(group.groupId)));
    const leaderless = mine.filter(({ group }) => leaders.of(group.groupId) === undefined).length;
    this.hasBeenReady ||= leaderless === 0;
    const isCutOff = mine.length > 0 && leaderless === mine.length;
    return this.hasBeenReady && !isCutOff ? [] : [`${leaderless} slots have no leader that this node knows`];
  }
}
