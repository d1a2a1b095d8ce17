/**
 * `talus slot transfer`: hands one slot's leadership to another node.
 */
import type { Command } from 'commander';
import { addClientOptions, integerOption, withAdmin } from './client.js';

export function registerSlot(program: Command): void {
  const slot = program.command('slot').description('act on one slot');
  addClientOptions(
    slot.command('transfer <table> <slot> <node-id>').description('make a node lead a slot'),
  ).action(
    async (table: string, slotText: string, nodeText: string, options: Readonly<Record<string, unknown>>) => {
      const slotNumber = integerOption('slot', 0)(slotText);
      const toNodeId = integerOption('node-id', 1)(nodeText);
      const done = await withAdmin(options, (client) =>
        client.transferLeader({ table, slot: slotNumber, toNodeId }),
      );
      const from = done.fromNodeId === toNodeId ? 'already led by' : `led by node ${done.fromNodeId}, now by`;
      process.stdout.write(`slot ${slotNumber} of ${table}: ${from} node ${toNodeId}\n`);
    },
  );
}
