/**
 * A slow network between nodes: before each node's peer port stands a TCP proxy, whose port the node advertises, and which holds
 * every byte for a while, both ways.
 *
 *   node dist/bench/delay-proxies.js '[{"port":1,"target":2,"delayMs":1}]'
 *
 * A process of its own, since a bench that waits for its generator would delay at its own pace. It keeps order and drops nothing; a
 * delay is at least what was asked for, and up to a millisecond more, for Node's timers know no less. What is on its way is bounded:
 * beyond it the sender is not read from.
 */
import { connect, createServer, type Socket } from 'node:net';

export interface DelayedLink {
  readonly port: number;
  readonly target: number;
  readonly delayMs: number;
}

const ON_ITS_WAY_BYTES_MAX = 64 << 20;

const links = JSON.parse(process.argv[2] ?? '[]') as readonly DelayedLink[];
for (const link of links) {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
    const far = connect({ host: '127.0.0.1', port: link.target, allowHalfOpen: true, noDelay: true });
    carry(near, far, link.delayMs);
    carry(far, near, link.delayMs);
  });
  await new Promise<void>((resolve) => server.listen(link.port, '127.0.0.1', resolve));
}
console.log('ready');

function carry(from: Socket, to: Socket, delayMs: number): void {
  // A node that is down: the dialler is to see a broken connection, as it would without the proxy.
  from.on('error', () => to.resetAndDestroy());
  if (delayMs === 0) return void from.pipe(to);
  const line: { readonly dueMs: number; readonly chunk: Buffer | undefined }[] = [];
  let bytes = 0;
  let isTimed = false;
  const deliver = (): void => {
    isTimed = false;
    if (to.destroyed) return;
    const nowMs = performance.now();
    while (line.length > 0 && line[0]!.dueMs <= nowMs) {
      const { chunk } = line.shift()!;
      if (chunk === undefined) to.end();
      else {
        bytes -= chunk.length;
        to.write(chunk);
      }
    }
    if (bytes < ON_ITS_WAY_BYTES_MAX) from.resume();
    if (line.length > 0) wakeIn(line[0]!.dueMs - nowMs);
  };
  const wakeIn = (waitMs: number): void => {
    if (isTimed) return;
    isTimed = true;
    setTimeout(deliver, Math.max(1, waitMs));
  };
  const take = (chunk: Buffer | undefined): void => {
    line.push({ dueMs: performance.now() + delayMs, chunk });
    bytes += chunk?.length ?? 0;
    if (bytes >= ON_ITS_WAY_BYTES_MAX) from.pause();
    wakeIn(delayMs);
  };
  from.on('data', take);
  // Its end is on its way too: what a closed sender said last must still arrive.
  from.on('end', () => take(undefined));
}
