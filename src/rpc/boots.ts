/**
 * What this node knows of the others' starts, from topologies and from their own Hellos: a peer that says an older one, or another
 * of the same number, speaks for a copy of its data folder that has forgotten what it promised since. Nobody listens to it.
 */
import type { Boot } from './topology.js';
import type { NodeId } from './transport.js';

export class KnownBoots {
  private readonly newest = new Map<NodeId, Boot>();

  /** Why the peer is not listened to; undefined: its start is remembered. One that says none is of an earlier version. */
  refusalOf(nodeId: NodeId, boot: Boot | undefined): string | undefined {
    const seen = this.newest.get(nodeId);
    if (boot === undefined) return undefined;
    if (seen === undefined || boot.number > seen.number) {
      this.newest.set(nodeId, boot);
      return undefined;
    }
    if (boot.number === seen.number && boot.id === seen.id) return undefined;
    const what = boot.number < seen.number ? 'an older copy' : 'another copy';
    return `node ${nodeId} speaks for ${what} of its data folder: start ${boot.number}, its start ${seen.number} is known here`;
  }

  /** From a topology. */
  learn(nodeId: NodeId, boot: Boot | undefined): void {
    if (boot !== undefined && boot.number > (this.newest.get(nodeId)?.number ?? 0))
      this.newest.set(nodeId, boot);
  }
}
