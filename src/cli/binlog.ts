/**
 * `talus binlog`: reads a node's binlog, running or not, and changes nothing.
 *
 * `dump` prints what is in it. `verify` names every damaged place and ends with exit code 1 if there is one.
 */
import type { Command } from 'commander';
import { dumpBinlog, type Inspection, textOfLine, verifyBinlog } from '../node/binlog-tool.js';
import { integerOption } from './client.js';

interface DumpOptions {
  readonly replica?: number;
  readonly from?: number;
  readonly json?: boolean;
}

export function registerBinlog(program: Command): void {
  const binlog = program.command('binlog').description("read a node's binlog");
  binlog
    .command('dump <dir>')
    .description('print every frame and entry')
    .option('--replica <n>', 'of this replica only', integerOption('replica', 1))
    .option('--from <index>', 'entries from this index on, and nothing else', integerOption('from', 1))
    .option('--json', 'one JSON object a line')
    .action(async (dir: string, { replica, from, json }: DumpOptions) => {
      const filter = { ...(replica && { replicaId: replica }), ...(from && { from }) };
      const found = await dumpBinlog(dir, filter, (line) => {
        process.stdout.write(`${json ? JSON.stringify(line) : textOfLine(line)}\n`);
      });
      for (const place of found.damage) process.stderr.write(`damage: ${place}\n`);
    });
  binlog
    .command('verify <dir>')
    .description('look for damage; exit code 1 if there is any')
    .action(async (dir: string) => {
      const found = await verifyBinlog(dir);
      process.stdout.write(`${verdictOf(found)}\n`);
      if (found.damage.length > 0) process.exitCode = 1;
    });
}

function verdictOf({ damage, tornBytes, ...found }: Inspection): string {
  const lines = damage.map((place) => `damage: ${place}`);
  if (tornBytes > 0)
    lines.push(
      `the last batch is not whole (${tornBytes} bytes): being written, or torn by a crash, which is no damage`,
    );
  const sizes = `${found.segments} segments, ${found.bytes} bytes, ${found.frames} frames, ${found.replicas} replicas`;
  const places = damage.length === 1 ? '1 damaged place' : `${damage.length} damaged places`;
  lines.push(`${sizes}: ${damage.length === 0 ? 'whole' : places}`);
  return lines.join('\n');
}
