/**
 * A node leaves a cluster behind a TCP balancer: asked to, without any client noticing; killed, with nothing lost but
 * connections.
 *
 * Clients do as clients behind a balancer do: connect, some twenty commands, disconnect, connect again. Nothing is tried twice.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { signal, waitForExit, waitUntil } from '../../jepsen-style/processes.js';
import { RespClient } from '../../jepsen-style/resp-client.js';
import { Balancer } from './balancer.js';
import { TalusCluster } from './talus-cluster.js';

/** What the clients do; `pauseMs` between two connections. */
interface Habits {
  readonly clients: number;
  readonly commands: number;
  readonly pauseMs: number;
}

const BUSY: Habits = { clients: 12, commands: 20, pauseMs: 0 };
/** Most of the time nobody is connected, and a node must not take that for "all have left". */
const QUIET: Habits = { clients: 2, commands: 2, pauseMs: 20 };
const TIMEOUT_MS = 15_000;
/** Long beyond a failover, so that what fails after it would fail for ever. */
const FAILOVER_MS = 10_000;

let cluster: TalusCluster;
let balancer: Balancer;

before(async () => {
  cluster = await TalusCluster.start();
  balancer = await Balancer.start(
    [1, 2, 3].map((node) => ({ port: cluster.port + node - 1, httpPort: cluster.httpPort(node) })),
  );
  assert.ok(await allReady());
});

after(async () => {
  balancer?.close();
  await cluster?.stop();
});

const allReady = (): Promise<boolean> => waitUntil(() => balancer.readyPorts.length === 3, 60_000);

/** Clients at work until told to stop; what went wrong, and what was acknowledged. */
class Load {
  /** Each with the milliseconds since `mark`. */
  readonly errors: { readonly atMs: number; readonly text: string }[] = [];
  readonly acknowledged = new Map<string, string>();
  done = 0;
  private markMs = performance.now();
  private over = false;
  private readonly running: Promise<unknown>;

  constructor(
    private readonly prefix: string,
    private readonly habits: Habits,
  ) {
    this.running = Promise.all(Array.from({ length: habits.clients }, (_, client) => this.drive(client)));
  }

  mark(): void {
    this.markMs = performance.now();
  }

  async stop(): Promise<void> {
    this.over = true;
    await this.running;
  }

  private async drive(client: number): Promise<void> {
    for (let round = 0; !this.over; round++) {
      try {
        const connection = await RespClient.connect({ host: '127.0.0.1', port: balancer.port }, TIMEOUT_MS);
        await this.use(connection, `${this.prefix}:${client}:${round}`);
        connection.close();
      } catch (error) {
        this.failed(`connect: ${(error as Error).message}`);
        // A client that cannot connect does not hammer.
        await sleep(20);
      }
      if (this.habits.pauseMs > 0) await sleep(this.habits.pauseMs);
    }
  }

  private async use(connection: RespClient, name: string): Promise<void> {
    for (let i = 0; i < this.habits.commands; i += 2) {
      const [key, value] = [`${name}:${i}`, `${name} ${i}`];
      const set = await connection.call('SET', key, value);
      if (set.kind !== 'ok') return this.failed(`SET: ${set.error}`);
      this.acknowledged.set(key, value);
      const get = await connection.call('GET', key);
      if (get.kind !== 'ok') return this.failed(`GET: ${get.error}`);
      if (get.reply.kind !== 'bulk' || get.reply.text !== value)
        this.failed(`GET ${key}: ${JSON.stringify(get.reply)}`);
      this.done += 2;
    }
  }

  private failed(text: string): void {
    this.errors.push({ atMs: Math.round(performance.now() - this.markMs), text });
  }
}

async function assertAllThere(acknowledged: ReadonlyMap<string, string>): Promise<void> {
  const client = await RespClient.connect({ host: '127.0.0.1', port: balancer.port }, TIMEOUT_MS);
  for (const [key, value] of acknowledged) {
    const got = await client.call('GET', key);
    assert.deepEqual(got, { kind: 'ok', reply: { kind: 'bulk', text: value } }, key);
  }
  client.close();
}

const untilBusy = (load: Load, more: number): Promise<boolean> => {
  const from = load.done;
  return waitUntil(() => load.done >= from + more, 60_000);
};

/** Drains a node and starts it again, under load: no client may see an error. */
async function drainUnder(load: Load, name: string, step: number): Promise<void> {
  assert.ok(await untilBusy(load, step));
  const pid = cluster.pidOf(name);
  load.mark();
  signal(pid, 'SIGTERM');
  assert.ok(await waitForExit(pid, 30_000));
  assert.ok(await untilBusy(load, step));
  cluster.startAgain(name);
  assert.ok(await allReady(), 'it comes back');
  assert.ok(await untilBusy(load, step));
  await load.stop();
  assert.deepEqual(load.errors, []);
  await assertAllThere(load.acknowledged);
}

test('no client notices a node that is drained, nor its return', () =>
  drainUnder(new Load('drain', BUSY), 'node-1', 500));

test('nor in quiet times, when nobody happens to be connected', () =>
  drainUnder(new Load('quiet', QUIET), 'node-3', 20));

test('a killed node costs its connections, and nothing that was acknowledged', async () => {
  const load = new Load('kill', BUSY);
  await untilBusy(load, 500);
  const pid = cluster.pidOf('node-2');
  load.mark();
  signal(pid, 'SIGKILL');
  await sleep(FAILOVER_MS);
  assert.ok(await untilBusy(load, 500), 'two of three serve on');
  await load.stop();
  const late = load.errors.filter(({ atMs }) => atMs > FAILOVER_MS);
  assert.deepEqual(late, [], 'after the failover all is well');
  const connectionLost = /(ECONNRESET|ECONNREFUSED|EPIPE|EOF|closed)/;
  const others = load.errors.filter(({ text }) => !connectionLost.test(text) && !/UNCERTAIN/.test(text));
  assert.deepEqual(others, [], 'a write under way may be uncertain; nothing else is said');
  await assertAllThere(load.acknowledged);
});
