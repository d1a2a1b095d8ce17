/**
 * `talus node`: one node process in the foreground.
 */
import type { Command } from 'commander';
import { addConfigOptions, loadConfig } from '../config.js';
import { nodeConfigSchema } from '../node/config.js';
import { runNode } from '../node/process.js';

export function registerNode(program: Command): void {
  const command = program.command('node').description('run a node in the foreground');
  addConfigOptions(command, nodeConfigSchema).action(async (options: { readonly config?: string }) => {
    const config = loadConfig(nodeConfigSchema, {
      file: options.config,
      flags: { ...options },
      env: process.env,
    });
    await runNode(config);
    // Whatever still holds the loop (a library's timer) must not keep a stopped node around.
    process.exit(0);
  });
}
