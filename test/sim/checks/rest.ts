/**
 * At the end of a run nothing may hang: a promise that nobody will keep looks like peace otherwise.
 *
 * Once no client asks and all replicas are equal, every queue of every node must have run empty.
 */
import type { Node } from '../../../src/node/node.js';
import { isLoading, queuedEntries } from './peek.js';

/** What is still under way on a node, in words; empty at rest. */
export function unrest(node: Node): readonly string[] {
  const found: string[] = [];
  const note = (what: string, count: number): void => {
    if (count > 0) found.push(`${count} ${what}`);
  };
  note('forwarded requests', node['forwarder']['outstanding'].size);
  note('batches on their way to the disk', node['pump']['batchesInFlight']);
  note('slots that wait to propose', node['pump']['holding'].size);
  for (const slot of node.replicas.all) {
    const { groupId } = slot.birth;
    note(`requests of group ${groupId}`, slot.requests.outstanding);
    note(`entries of group ${groupId} to be applied`, queuedEntries(slot));
    note(`loads of group ${groupId}`, isLoading(slot) ? 1 : 0);
  }
  return found;
}
