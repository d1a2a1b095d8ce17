/**
 * Reads, judged when their index is known and not only by what clients make of them: the index is no lower than what was committed
 * anywhere when the question was asked. Holds for rounds, for leases and for groups of one alike.
 */
import type { NodeSlot } from '../../../src/node/replicas.js';
import type { Tell } from './tell.js';

export class Reads {
  private readonly groups = new WeakMap<object, number>();
  /** By the requests that ask: what was committed then, by context. */
  private readonly floors = new WeakMap<object, Map<number, number>>();

  constructor(
    private readonly tell: Tell,
    private readonly committedTo: (groupId: number) => number,
  ) {}

  look({ requests, birth: { groupId } }: NodeSlot): void {
    this.groups.set(requests, groupId);
  }

  asked(requests: object, context: number): void {
    const groupId = this.groups.get(requests);
    if (groupId === undefined) return;
    let floors = this.floors.get(requests);
    if (floors === undefined) {
      floors = new Map();
      this.floors.set(requests, floors);
    }
    floors.set(context, this.committedTo(groupId));
  }

  /** Its index is that of the state. */
  answeredAtOnce({ appliedTo: { index }, birth: { groupId } }: NodeSlot): void {
    const floor = this.committedTo(groupId);
    if (index < floor)
      this.tell.fail(`group ${groupId}: a read at ${index} was asked when ${floor} was committed`);
  }

  known(requests: object, context: number, index: number): void {
    const floor = this.floors.get(requests)?.get(context);
    this.floors.get(requests)?.delete(context);
    if (floor !== undefined && index < floor)
      this.tell.fail(
        `group ${this.groups.get(requests)}: a read at ${index} was asked when ${floor} was committed`,
      );
  }
}
