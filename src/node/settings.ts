/**
 * Every bound and period of a node, by name. The configuration (config.ts) fills it; the simulator makes its own.
 */
import type { ConnectionLimits } from '../resp/connection.js';
import type { CheckpointSettings } from '../slot/checkpoint.js';
import type { SlotSettings } from '../slot/slot.js';
import type { SnapshotSettings } from '../slot/snapshot-sender.js';
import type { BinlogOptions } from '../storage/binlog.js';
import type { PulseSettings } from './pulse.js';
import type { RouterSettings } from './router.js';

export interface NodeSettings {
  readonly pulse: PulseSettings;
  readonly router: RouterSettings;
  readonly slot: SlotSettings;
  readonly checkpoint: CheckpointSettings;
  readonly snapshot: SnapshotSettings;
  readonly binlog: Omit<BinlogOptions, 'onPinned' | 'nextTurn'>;
  readonly connection: ConnectionLimits;
  /** Between two looks at every slot's timers. */
  readonly tickMs: number;
  readonly reportIntervalMs: number;
  /** How long a stopping node keeps serving clients that have not left. */
  readonly drainTimeoutMs: number;
}
