/**
 * What async tables have lost with the leaders that this node was, since it started: for INFO, metrics and the log.
 */
import type { Log } from '../env.js';
import type { CutCount } from '../slot/cuts.js';
import type { NodeSlot } from './replicas.js';

export class CutFigures {
  /** Replicas whose state went back to its last checkpoint. */
  rollbacks = 0;
  writes = 0;
  keys = 0;
  doubtfulWrites = 0;

  constructor(private readonly log: Log) {}

  readonly writesCut = ({ birth }: NodeSlot, count: CutCount): void => {
    const { groupId, tableId, slot } = birth;
    const { writes, keys, doubtfulWrites } = count;
    this.writes += writes;
    this.keys += keys;
    this.doubtfulWrites += doubtfulWrites;
    const words = 'writes of an async table were cut: another leader had not got them';
    this.log.warn(words, { groupId, tableId, slot, writes, keys, doubtfulWrites });
  };

  readonly rolledBack = ({ birth, appliedTo }: NodeSlot): void => {
    const { groupId, tableId, slot } = birth;
    this.rollbacks++;
    this.log.info('a replica went back to its last checkpoint', { groupId, tableId, slot, ...appliedTo });
  };
}
