/**
 * Ports that a node opens late (peers: when it has an identity; HTTP: when there is a node to tell of), tried before anything
 * is written: an operator's mistake is said at the start and not when half of the work is done.
 *
 * Somebody may still take the port in between; opening it then fails, later and with the same words.
 */
import { createServer } from 'node:net';
import { hostPort } from '../rpc/credentials.js';

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the address is in use',
  EACCES: 'permission denied',
  EADDRNOTAVAIL: 'no such address on this machine',
};

/** Rejects with one line that names `what` and where. Port 0 is any free one. */
export async function requireFreePort(what: string, host: string, port: number): Promise<void> {
  if (port === 0) return;
  try {
    await tryPort(host, port);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reason = code !== undefined && REASONS[code] ? `${REASONS[code]} (${code})` : message;
    throw new Error(`${what}: cannot listen on ${hostPort(host, port)}: ${reason}`);
  }
}

function tryPort(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, host.replace(/^\[(.*)\]$/, '$1'), () => server.close(() => resolve()));
  });
}
