/**
 * How commands reach PM: where it is, the token, and one client for the length of a command.
 */
import type { Command } from 'commander';
import { z } from 'zod';
import { loadConfig } from '../config.js';
import { silentLog } from '../env.js';
import { AdminClient } from '../rpc/admin-client.js';
import { securityOf } from '../rpc/credentials.js';
import { systemEnv } from '../system-env.js';

const clientSchema = z.object({
  pm: z
    .array(z.string().regex(/^\S+:\d+$/, 'host:port'))
    .min(1)
    .default(['127.0.0.1:9300']),
  clusterToken: z.string().min(1).optional().meta({ secret: true }),
  tlsCertFile: z.string().optional(),
  tlsKeyFile: z.string().optional(),
  tlsCaFile: z.string().optional(),
});

export function addClientOptions(command: Command): Command {
  return command
    .option('--pm <host:port,...>', 'where PM listens (default 127.0.0.1:9300, TALUS_PM)')
    .option('--cluster-token-file <file>', 'file that holds the cluster token (or TALUS_CLUSTER_TOKEN)')
    .option('--tls-cert-file <file>', 'PEM certificate to show')
    .option('--tls-key-file <file>', 'PEM key of the certificate')
    .option('--tls-ca-file <file>', "PEM certificate of the cluster's authority");
}

/** Runs `use` with a client for the PM that the options and the environment name. */
export async function withAdmin<T>(
  options: Readonly<Record<string, unknown>>,
  use: (client: AdminClient) => Promise<T>,
): Promise<T> {
  const config = loadConfig(clientSchema, { flags: options, env: process.env });
  const security = securityOf(config);
  const client = new AdminClient({ addresses: config.pm, security, env: systemEnv(silentLog) });
  try {
    return await use(client);
  } finally {
    client.close();
  }
}

/** A whole number from the command line; the message names the option. */
export function integerOption(name: string, least: number): (text: string) => number {
  return (text) => {
    if (/^\d+$/.test(text) && Number(text) >= least) return Number(text);
    throw new Error(`${name}: ${JSON.stringify(text)} is not valid, expected an integer, at least ${least}`);
  };
}

/** Columns as wide as their widest cell; numbers to the right. */
export function textTable(
  header: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => String(row[column] ?? '').length)),
  );
  const line = (cells: readonly (string | number)[]): string =>
    cells
      .map((cell, column) =>
        typeof cell === 'number' ? String(cell).padStart(widths[column]!) : cell.padEnd(widths[column]!),
      )
      .join('  ')
      .trimEnd();
  return [line(header), ...rows.map(line)].join('\n');
}
