/**
 * What PM knows of the nodes from their own mouths: sessions and last reports. Memory only, rebuilt within a second or two
 * after PM starts; nothing durable depends on it.
 *
 * A node is alive when its session is up and it was heard within `ALIVE_MS`. Who leads a group is what the replica with
 * the highest term says that calls itself leader. A report is kept after its session ended, so that status can show what
 * was last known.
 */
import type { Env } from '../env.js';
import type {
  DamagedMember,
  GroupMember,
  NodeReport,
  ReplicaReport,
  Topology,
  TransferOrder,
} from '../rpc/topology.js';

export const ALIVE_MS = 5000;

/** PM's end of one node's session. */
export interface NodeSession {
  readonly nodeId: number;
  sendTopology(topology: Topology): void;
  sendTransfers(orders: readonly TransferOrder[]): void;
  end(why: string): void;
}

export interface LeaderView {
  readonly nodeId: number;
  readonly report: ReplicaReport;
  /** Since when this node has led in this term, as PM saw it; monotonic. */
  readonly sinceMs: number;
}

interface NodeLife {
  session: NodeSession | undefined;
  report: NodeReport | undefined;
  /** group -> replica of the last report. */
  replicas: ReadonlyMap<number, ReplicaReport>;
  /** group -> what is wrong with this node's member of it. */
  damaged: ReadonlyMap<number, DamagedMember>;
  heardMs: number;
  /** Since when the session has been up. */
  upSinceMs: number;
}

export class Fleet {
  private readonly lives = new Map<number, NodeLife>();
  private readonly leaders = new Map<number, LeaderView>();

  constructor(private readonly env: Env) {}

  /** A newer session of a node replaces the older one. */
  attach(session: NodeSession): void {
    const life = this.life(session.nodeId);
    life.session?.end('replaced by a newer session of the same node');
    life.session = session;
    life.heardMs = this.env.monotonicMs();
    life.upSinceMs = life.heardMs;
  }

  detach(session: NodeSession): void {
    const life = this.lives.get(session.nodeId);
    if (life?.session !== session) return;
    life.session = undefined;
    this.forgetLeadership(session.nodeId, () => true);
  }

  report(report: NodeReport): void {
    const life = this.life(report.nodeId);
    life.report = report;
    life.replicas = new Map(report.replicas.map((replica) => [replica.groupId, replica]));
    life.damaged = new Map(report.damaged?.map((member) => [member.groupId, member]));
    life.heardMs = this.env.monotonicMs();
    this.forgetLeadership(report.nodeId, (groupId) => life.replicas.get(groupId)?.role !== 'leader');
    for (const replica of report.replicas) {
      if (replica.role === 'leader') this.noteLeader(report.nodeId, replica);
    }
  }

  isAlive(nodeId: number): boolean {
    const life = this.lives.get(nodeId);
    return life?.session !== undefined && this.env.monotonicMs() - life.heardMs <= ALIVE_MS;
  }

  /** Milliseconds since the session came up; 0 for a node that is not alive. */
  upForMs(nodeId: number): number {
    return this.isAlive(nodeId) ? this.env.monotonicMs() - this.lives.get(nodeId)!.upSinceMs : 0;
  }

  pidOf(nodeId: number): number {
    return this.lives.get(nodeId)?.report?.pid ?? 0;
  }

  replicaOf(nodeId: number, groupId: number): ReplicaReport | undefined {
    return this.lives.get(nodeId)?.replicas.get(groupId);
  }

  /** As the node last said of its own member. */
  damageOf(nodeId: number, groupId: number): DamagedMember | undefined {
    return this.lives.get(nodeId)?.damaged.get(groupId);
  }

  /** Nodes that last reported a replica of the group, by id. */
  holdersOf(groupId: number): readonly number[] {
    const holders = [...this.lives].filter(([, life]) => life.replicas.has(groupId));
    return holders.map(([nodeId]) => nodeId).sort((a, b) => a - b);
  }

  /** A node that is not alive leads nothing, whatever it said last. */
  leaderOf(groupId: number): LeaderView | undefined {
    const leader = this.leaders.get(groupId);
    return leader && this.isAlive(leader.nodeId) ? leader : undefined;
  }

  /** As the group's leader says; undefined while there is none. */
  votersOf(groupId: number): readonly GroupMember[] | undefined {
    return this.leaderOf(groupId)?.report.configuration?.voters;
  }

  /** The newest topology that any node has seen. */
  epochSeen(): number {
    return Math.max(0, ...[...this.lives.values()].map((life) => life.report?.epoch ?? 0));
  }

  sessions(): readonly NodeSession[] {
    return [...this.lives.values()].flatMap(({ session }) => (session ? [session] : []));
  }

  sessionOf(nodeId: number): NodeSession | undefined {
    return this.lives.get(nodeId)?.session;
  }

  endAll(why: string): void {
    for (const session of this.sessions()) session.end(why);
  }

  private noteLeader(nodeId: number, report: ReplicaReport): void {
    const known = this.leaders.get(report.groupId);
    if (known && known.report.term > report.term) return;
    const goesOn = known?.nodeId === nodeId && known.report.term === report.term;
    const sinceMs = goesOn ? known.sinceMs : this.env.monotonicMs();
    this.leaders.set(report.groupId, { nodeId, report, sinceMs });
  }

  private forgetLeadership(nodeId: number, isOver: (groupId: number) => boolean): void {
    for (const [groupId, leader] of this.leaders) {
      if (leader.nodeId === nodeId && isOver(groupId)) this.leaders.delete(groupId);
    }
  }

  private life(nodeId: number): NodeLife {
    let life = this.lives.get(nodeId);
    if (life === undefined) {
      const nothing = { session: undefined, report: undefined, replicas: new Map(), damaged: new Map() };
      life = { ...nothing, heardMs: 0, upSinceMs: 0 };
      this.lives.set(nodeId, life);
    }
    return life;
  }
}
