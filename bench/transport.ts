/**
 * What the peer transport costs: two processes on loopback, one asks and one echoes.
 *
 *   node dist/bench/transport.js [--seconds 2]
 *
 * Round trips with 1, 16 and 256 requests on their way; messages one way at full speed, within the lane's bound; and bytes
 * one way in chunks of 256 KiB. Loopback and a shared CPU: figures to compare versions with, not to promise.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { type Env, silentLog } from '../src/env.js';
import { seededRandom } from '../src/random.js';
import { loadSecurity } from '../src/rpc/credentials.js';
import { GrpcTransport } from '../src/rpc/grpc-transport.js';
import { startPeerServer } from '../src/rpc/peer-service.js';
import type { Lane, TransportHandlers } from '../src/rpc/transport.js';

const [askerId, echoId] = [1, 2];

async function startTransport(nodeId: number, handlers: Partial<TransportHandlers>) {
  const env: Env = {
    monotonicMs: () => performance.now(),
    wallMs: () => Date.now(),
    after: (delayMs, run) => {
      const timer = setTimeout(run, delayMs);
      return { cancel: () => clearTimeout(timer) };
    },
    defer: (run) => void setImmediate(run),
    random: seededRandom(process.pid),
    log: silentLog,
  };
  const security = loadSecurity({});
  const transport = new GrpcTransport({ env, identity: { clusterId: 'bench', nodeId }, security });
  transport.handlers = { onUp: () => {}, onDown: () => {}, onMessage: () => {}, ...handlers };
  const server = await startPeerServer({ host: '127.0.0.1', port: 0, security, transport });
  return { transport, server };
}

/** Echoes requests, and acknowledges each mebibyte of what comes on the sync lane. */
async function echo(): Promise<void> {
  let bytes = 0;
  let acknowledged = 0;
  const { transport, server } = await startTransport(echoId, {
    onMessage: (from, lane, message) => {
      if (lane === 'request') transport.send(from, 'reply', message);
      if (lane !== 'sync') return;
      bytes += message.length;
      if (bytes - acknowledged < ackEveryBytes) return;
      acknowledged = bytes;
      transport.send(from, 'ack', Buffer.from(String(bytes)));
    },
  });
  process.send?.(server.port);
  process.on('disconnect', () => process.exit());
}

const ackEveryBytes = 128 * 1024;
const inFlightBytes = 8 * 1024 * 1024;

type Asker = Awaited<ReturnType<typeof startTransport>>['transport'];

/** Keeps `inFlight` requests of `bytes` on their way; the asker's handlers are set by each run. */
async function roundTrips(
  transport: Asker,
  inFlight: number,
  bytes: number,
  seconds: number,
): Promise<number> {
  const message = Buffer.alloc(bytes, 1);
  const endMs = performance.now() + seconds * 1000;
  let done = 0;
  let open = inFlight;
  await new Promise<void>((resolve) => {
    transport.handlers.onMessage = () => {
      done++;
      if (performance.now() < endMs) transport.send(echoId, 'request', message);
      else if (--open === 0) resolve();
    };
    for (let count = 0; count < inFlight; count++) transport.send(echoId, 'request', message);
  });
  return done / seconds;
}

/** As fast as acknowledgements allow, some mebibytes ahead of them. */
async function oneWay(transport: Asker, lane: Lane, bytes: number, seconds: number): Promise<number> {
  const message = Buffer.alloc(bytes, 1);
  const startMs = performance.now();
  const before = acknowledgedBytes;
  let sent = before;
  await new Promise<void>((resolve) => {
    const pump = () => {
      if (performance.now() - startMs > seconds * 1000) return resolve();
      while (sent - acknowledgedBytes < inFlightBytes) {
        transport.send(echoId, lane, message);
        sent += bytes;
      }
      return undefined;
    };
    transport.handlers.onMessage = (_from, _lane, ack) => {
      acknowledgedBytes = Number(ack.toString());
      pump();
    };
    pump();
  });
  const elapsedSeconds = (performance.now() - startMs) / 1000;
  const rate = (acknowledgedBytes - before) / bytes / elapsedSeconds;
  await settled(transport, sent);
  return rate;
}

let acknowledgedBytes = 0;

/** What is still on its way belongs to no later run. */
async function settled(transport: Asker, sent: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const check = () => {
      if (sent - acknowledgedBytes < ackEveryBytes) resolve();
    };
    transport.handlers.onMessage = (_from, _lane, ack) => {
      acknowledgedBytes = Number(ack.toString());
      check();
    };
    check();
  });
}

async function ask(seconds: number): Promise<void> {
  const child = fork(fileURLToPath(import.meta.url), ['--echo']);
  const port = await new Promise<number>((resolve) =>
    child.once('message', (value) => resolve(Number(value))),
  );
  const { transport } = await startTransport(askerId, {});
  const up = new Promise<void>((resolve) => {
    transport.handlers.onUp = () => resolve();
  });
  transport.setPeers([{ nodeId: echoId, host: '127.0.0.1', port }]);
  await up;
  await report(transport, seconds);
  stop(child);
}

async function report(transport: Asker, seconds: number): Promise<void> {
  for (const inFlight of [1, 16, 256]) {
    const rate = await roundTrips(transport, inFlight, 200, seconds);
    console.log(`round trips of 200 bytes, ${inFlight} on their way: ${Math.round(rate)}/s`);
  }
  for (const bytes of [200, 4096]) {
    const rate = await oneWay(transport, 'sync', bytes, seconds);
    console.log(`messages of ${bytes} bytes one way: ${Math.round(rate)}/s`);
  }
  const chunks = await oneWay(transport, 'sync', 256 * 1024, seconds);
  console.log(`chunks of 256 KiB one way: ${Math.round(chunks / 4)} MiB/s`);
}

function stop(child: ChildProcess): never {
  child.disconnect();
  process.exit();
}

const secondsAt = process.argv.indexOf('--seconds');
if (process.argv.includes('--echo')) await echo();
else await ask(secondsAt > 0 ? Number(process.argv[secondsAt + 1]) : 2);
