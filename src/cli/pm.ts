/**
 * `talus pm`: one placement manager in the foreground.
 */
import type { Command } from 'commander';
import { addConfigOptions, loadConfig } from '../config.js';
import { pmConfigSchema } from '../pm/config.js';
import { runPm } from '../pm/process.js';

export function registerPm(program: Command): void {
  const command = program.command('pm').description('run a placement manager (PM) in the foreground');
  addConfigOptions(command, pmConfigSchema).action(async (options: { readonly config?: string }) => {
    const config = loadConfig(pmConfigSchema, {
      file: options.config,
      flags: { ...options },
      env: process.env,
    });
    await runPm(config);
    // Whatever still holds the loop (a library's timer) must not keep a stopped PM around.
    process.exit(0);
  });
}
