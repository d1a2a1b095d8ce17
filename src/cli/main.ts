/**
 * The command line: every command registers itself here, and every failure ends as one line on stderr and exit code 1.
 */
import { Command, CommanderError } from 'commander';
import { packageVersion } from '../rpc/package-root.js';
import { registerBinlog } from './binlog.js';
import { registerNode } from './node.js';
import { registerPm } from './pm.js';
import { registerSlot } from './slot.js';
import { registerStart } from './start.js';
import { registerStatus } from './status.js';
import { registerTable } from './table.js';

const program = new Command('talus')
  .description('Raft-first, Redis-compatible, persistent key-value cluster')
  .version(packageVersion());

registerStart(program);
registerNode(program);
registerPm(program);
registerStatus(program);
registerTable(program);
registerSlot(program);
registerBinlog(program);

// Set on each, since subcommands do not inherit it: bad options throw here instead of exiting with text of their own.
for (const command of everyCommand(program)) {
  command.exitOverride().configureOutput({ outputError: () => {} });
}

try {
  await program.parseAsync(process.argv);
} catch (error) {
  finish(error);
}

function everyCommand(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap((sub) => everyCommand(sub))];
}

function finish(error: unknown): void {
  if (error instanceof CommanderError && error.exitCode === 0) return;
  // Bare `talus`, or a group without its subcommand: help was shown, and that is not a success.
  if (error instanceof CommanderError && error.code === 'commander.help') {
    process.exitCode = 1;
    return;
  }
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`talus: ${message.replace(/^error: /, '').replaceAll('\n', ' ')}\n`);
  // A start that failed half-way may hold sockets and timers, which must not keep it alive.
  process.exit(1);
}
