/**
 * What is new in a node's report, of all its replicas: within a session the first report names all of them, later ones only those
 * that changed, and those that are gone. A thousand slots that rest cost neither end more than a look.
 *
 * Both ends live as long as a session, whose stream loses nothing: they always hold the same.
 */
import type { GroupMember, NodeReport, ReplicaReport, ReportedConfiguration } from './topology.js';

/** `replicas` are those that are new or have changed. */
export interface ReportNews extends NodeReport {
  readonly goneGroupIds: readonly number[];
}

/** The node's end: what it has told. */
export class ToldReplicas {
  private told = new Map<number, ReplicaReport>();

  newsOf(report: NodeReport): ReportNews {
    const now = new Map(report.replicas.map((replica) => [replica.groupId, replica]));
    const replicas = report.replicas.filter((replica) => !isSame(replica, this.told.get(replica.groupId)));
    const goneGroupIds = [...this.told.keys()].filter((groupId) => !now.has(groupId));
    this.told = now;
    return { ...report, replicas, goneGroupIds };
  }
}

/** PM's end: what it has heard. */
export class HeardReplicas {
  private readonly heard = new Map<number, ReplicaReport>();

  wholeOf({ goneGroupIds, ...news }: ReportNews): NodeReport {
    for (const groupId of goneGroupIds) this.heard.delete(groupId);
    for (const replica of news.replicas) this.heard.set(replica.groupId, replica);
    return { ...news, replicas: [...this.heard.values()] };
  }
}

function isSame(a: ReplicaReport, b: ReplicaReport | undefined): boolean {
  return (
    b !== undefined &&
    a.role === b.role &&
    a.leaderNodeId === b.leaderNodeId &&
    a.term === b.term &&
    a.lastIndex === b.lastIndex &&
    a.commitIndex === b.commitIndex &&
    a.appliedIndex === b.appliedIndex &&
    a.keys === b.keys &&
    isSameConfiguration(a.configuration, b.configuration)
  );
}

function isSameConfiguration(
  a: ReportedConfiguration | undefined,
  b: ReportedConfiguration | undefined,
): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.joint === b.joint && areSame(a.voters, b.voters) && areSame(a.learners, b.learners);
}

function areSame(a: readonly GroupMember[], b: readonly GroupMember[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ nodeId, incarnation }, i) => nodeId === b[i]!.nodeId && incarnation === b[i]!.incarnation)
  );
}
