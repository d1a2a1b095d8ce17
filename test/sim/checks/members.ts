/**
 * A member's id is given once: what its node held under it is gone when it is no longer wished, and whoever comes back is another.
 */
import { wishOf } from '../../../src/node/members.js';
import type { MemberId } from '../../../src/raft/message.js';
import type { Topology } from '../../../src/rpc/topology.js';
import { nodeOf } from '../../../src/slot/birth.js';
import type { Tell } from './tell.js';

interface Given {
  wished: ReadonlySet<MemberId>;
  readonly gone: Set<MemberId>;
}

export class Members {
  private readonly groups = new Map<number, Given>();
  private epoch = 0;

  constructor(private readonly tell: Tell) {}

  /** What PM wishes for now; an older one is known. */
  look(topology: Topology | undefined): void {
    if (topology === undefined || topology.epoch <= this.epoch) return;
    this.epoch = topology.epoch;
    for (const { groups } of topology.tables) {
      for (const group of groups) this.wished(group.groupId, new Set(wishOf(group)));
    }
  }

  wished(groupId: number, wished: ReadonlySet<MemberId>): void {
    const given = this.groups.get(groupId) ?? { wished, gone: new Set() };
    this.groups.set(groupId, given);
    for (const member of given.wished) if (!wished.has(member)) given.gone.add(member);
    for (const member of wished) {
      if (given.gone.has(member))
        this.tell.fail(`group ${groupId}: a member of node ${nodeOf(member)} is wished again as ${member}`);
    }
    given.wished = wished;
  }
}
