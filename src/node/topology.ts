/**
 * The newest topology, arranged for look-ups. Replaced whole by epoch; what is not newer is ignored by the node.
 */
import type { MemberId } from '../raft/message.js';
import type { GroupInfo, NodeInfo, TableInfo, Topology } from '../rpc/topology.js';
import { wishOf } from './members.js';

export interface GroupPlace {
  readonly table: TableInfo;
  readonly slot: number;
  readonly group: GroupInfo;
}

export class TopologyView {
  private readonly byId = new Map<number, TableInfo>();
  private readonly byName = new Map<string, TableInfo>();
  private readonly nodesById = new Map<number, NodeInfo>();
  private readonly places = new Map<number, GroupPlace>();

  constructor(readonly topology: Topology) {
    for (const node of topology.nodes) this.nodesById.set(node.nodeId, node);
    for (const table of topology.tables) {
      this.byId.set(table.tableId, table);
      this.byName.set(table.name, table);
      table.groups.forEach((group, slot) => {
        this.places.set(group.groupId, { table, slot, group });
      });
    }
  }

  static readonly empty = new TopologyView({ clusterId: '', epoch: 0, nodes: [], tables: [] });

  get epoch(): number {
    return this.topology.epoch;
  }

  /** None was learned yet: to say of a table that there is none, or of a password that it is wrong, would be a guess. */
  get isUnknown(): boolean {
    return this.epoch === 0;
  }

  tableById(tableId: number): TableInfo | undefined {
    return this.byId.get(tableId);
  }

  /** By name, or by id as SELECT's clients write it. */
  table(word: string): TableInfo | undefined {
    return this.byName.get(word) ?? (/^\d{1,9}$/.test(word) ? this.byId.get(Number(word)) : undefined);
  }

  node(nodeId: number): NodeInfo | undefined {
    return this.nodesById.get(nodeId);
  }

  place(groupId: number): GroupPlace | undefined {
    return this.places.get(groupId);
  }

  /** Who shall belong to the group; undefined where nothing but its birth set was ever wished for, or it is not known. */
  wish(groupId: number): readonly MemberId[] | undefined {
    const group = this.places.get(groupId)?.group;
    return group?.members && wishOf(group);
  }

  groups(): IterableIterator<GroupPlace> {
    return this.places.values();
  }
}

/** Groups that both know, with other members wished. */
export function* changedWishes(before: TopologyView, after: TopologyView): Iterable<number> {
  for (const { group } of after.groups()) {
    const known = before.place(group.groupId)?.group;
    if (known !== undefined && wishOf(known).join() !== wishOf(group).join()) yield group.groupId;
  }
}
