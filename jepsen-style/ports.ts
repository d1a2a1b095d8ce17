/**
 * Free TCP ports on loopback for a whole cluster, whose ports lie at fixed distances from a first one.
 *
 * Below the range that kernels give to outgoing connections, or a killed node's port may be taken while it is
 * down. Another program may still come first between this and the start; the start then fails and says so.
 */
import { createServer } from 'node:net';

const FIRST_PORT_MIN = 10_000;
const FIRST_PORT_MAX = 30_000;
const ATTEMPTS_MAX = 50;

/** A port P such that P + each offset is free. */
export async function freePorts(offsets: readonly number[]): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const first = FIRST_PORT_MIN + Math.floor(Math.random() * (FIRST_PORT_MAX - FIRST_PORT_MIN));
    const free = await Promise.all(offsets.map((offset) => isFree(first + offset)));
    if (free.every(Boolean)) return first;
  }
  throw new Error(`no ${offsets.length} free ports at the wanted distances`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
