/** A client's connection from its bytes to its bytes: tables and passwords, both ports, SCAN over slots, errors in words. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { stateMachine } from '../../src/commands/state-machine.js';
import { Access } from '../../src/node/access.js';
import { ClientSession, type Port, type SessionHost } from '../../src/node/session.js';
import { TopologyView } from '../../src/node/topology.js';
import { hashPassword } from '../../src/password.js';
import { Connection } from '../../src/resp/connection.js';
import { DEFAULT_CONNECTION_LIMITS } from '../../src/resp/limits.js';
import { Turns } from '../../src/resp/turns.js';
import type { NodeInfo, TableInfo } from '../../src/rpc/topology.js';
import { hash14, slotOfHash } from '../../src/slot/hash.js';
import { fakeNode } from '../commands/fake-node.js';
import { FakeSlot } from '../commands/fake-slot.js';
import { FakeStream } from '../resp/fake-stream.js';
import { Fleet, type LocalCall, SELF } from './fleet.js';

const NODES: readonly NodeInfo[] = [1, 2, 3].map((nodeId) => ({
  nodeId,
  name: `node-${nodeId}`,
  host: `10.0.0.${nodeId}`,
  peerPort: 9400 + nodeId,
  respPort: 9220 + nodeId,
  clusterPort: 9320 + nodeId,
  httpPort: 9500 + nodeId,
  zone: '',
}));

function table(tableId: number, name: string, slots: number, passwordHash?: string): TableInfo {
  const groups = Array.from({ length: slots }, (_, slot) => ({
    groupId: tableId * 100_000 + slot + 1,
    birthNodeIds: [1, 2, 3],
  }));
  return {
    tableId,
    name,
    slots,
    replicas: 3,
    mode: 'quorum',
    groups,
    ...(passwordHash === undefined ? {} : { passwordHash }),
  };
}

/** One node that leads every group unless told otherwise, its data in fake slots. */
class World {
  readonly fleet = new Fleet();
  readonly access = new Access();
  readonly slots = new Map<number, FakeSlot>();
  view = TopologyView.empty;
  private readonly host: SessionHost;
  private nextId = 0;

  constructor(...tables: TableInfo[]) {
    const { fleet, access } = this;
    fleet.onLocal = (call) => this.serve(call);
    this.host = {
      router: fleet.router,
      leaders: fleet.leaders,
      access,
      view: fakeNode,
      nodeId: SELF,
      incarnation: 'life',
      topology: () => this.view,
      members: () => [1, 2, 3],
      isReachable: () => true,
      wallMs: () => 0,
      monotonicMs: () => fleet.env.monotonicMs(),
    };
    if (tables.length > 0) this.publish(1, tables);
  }

  publish(epoch: number, tables: readonly TableInfo[]): void {
    this.view = new TopologyView({ clusterId: 'c', epoch, nodes: NODES, tables });
    for (const { group } of this.view.groups()) this.fleet.leads(SELF, 1, group.groupId);
  }

  connect(port: Port = 'plain'): Client {
    const stream = new FakeStream();
    const id = ++this.nextId;
    const options = {
      id,
      remoteAddress: `127.0.0.1:${50_000 + id}`,
      localAddress: '127.0.0.1:9221',
      limits: DEFAULT_CONNECTION_LIMITS,
      turns: new Turns((run) => void setImmediate(run)),
    };
    const connection = new Connection(stream, options, (one) => new ClientSession(this.host, one, port));
    return new Client(connection, stream);
  }

  /** The slot of a key is led by another node. */
  ledElsewhere(of: TableInfo, key: string, nodeId: number): void {
    this.fleet.leads(nodeId, 2, of.groups[slotOf(of, key)]!.groupId);
  }

  private serve({ groupId, request }: LocalCall): void {
    let slot = this.slots.get(groupId);
    if (slot === undefined) {
      slot = new FakeSlot(1000);
      this.slots.set(groupId, slot);
    }
    const own = slot;
    const replies = request.group.commands.map((argv) => {
      if (request.kind === 'read') return stateMachine.read(own.begin(), argv, own.context());
      const txn = own.begin();
      const { reply, failed } = stateMachine.apply(txn, argv, own.context());
      if (!failed) own.commit(txn);
      return reply;
    });
    queueMicrotask(() => request.done({ kind: 'done', replies }));
  }
}

class Client {
  constructor(
    readonly connection: Connection,
    readonly stream: FakeStream,
  ) {}

  /** Sends lines as inline commands, all at once, and gives what comes back, without line ends' noise. */
  async send(...lines: string[]): Promise<string> {
    const from = this.stream.text.length;
    this.connection.received(Buffer.from(lines.map((line) => `${line}\r\n`).join('')));
    let quiet = 0;
    for (let seen = from; quiet < 20; ) {
      await turn();
      // A password check runs outside of this loop, as long as it takes.
      quiet = this.stream.text.length > seen || this.connection.requestsInFlight > 0 ? 0 : quiet + 1;
      seen = this.stream.text.length;
    }
    return this.stream.text.slice(from).trimEnd().replaceAll('\r\n', '|');
  }
}

function slotOf(of: TableInfo, key: string): number {
  return slotOfHash(hash14(Buffer.from(key)), of.slots);
}

test('pipelined commands on one slot and on many are answered in order', async () => {
  const client = new World(table(0, 'default', 16)).connect();
  const answer = await client.send(
    'SET a 1',
    'GET a',
    'MSET b 2 c 3',
    'MGET c a nothing b',
    'DEL a b z',
    'DBSIZE',
    'PING',
  );
  assert.equal(answer, '+OK|$1|1|+OK|*4|$1|3|$1|1|$-1|$1|2|:2|:1|+PONG');
});

test('before a topology is known, commands on keys are told to wait, others work', async () => {
  const world = new World();
  const client = world.connect();
  assert.match(await client.send('GET a'), /^-LOADING /);
  assert.equal(await client.send('PING'), '+PONG');
  // That there is no such table would be a guess: the client's next write would go to the default one. Likewise of a password.
  assert.match(await client.send('SELECT orders'), /^-LOADING /);
  assert.match(await client.send('AUTH orders secret'), /^-LOADING /);
  assert.match(await client.send('AUTH secret'), /^-LOADING /);
  world.publish(1, [table(0, 'default', 1)]);
  assert.equal(await client.send('GET a'), '$-1');
});

test('keys of several slots: cut where the command allows it, CROSSSLOT where not', async () => {
  const client = new World(table(0, 'default', 16)).connect();
  assert.match(await client.send('MSETNX a 1 b 2 c 3'), /^-CROSSSLOT /);
  assert.equal(await client.send('MSETNX {t}a 1 {t}b 2'), ':1');
});

test('a guarded default table: nothing before the password, everything after', async () => {
  const guarded = table(0, 'default', 1, await hashPassword('secret'));
  const client = new World(guarded).connect();
  assert.equal(await client.send('GET a'), '-NOAUTH Authentication required.');
  assert.equal(await client.send('NONSENSE'), '-NOAUTH Authentication required.');
  assert.match(await client.send('AUTH wrong'), /^-WRONGPASS /);
  assert.equal(client.connection.authenticated, false);
  // What follows AUTH in one packet is judged after it.
  assert.equal(await client.send('AUTH secret', 'SET a 1', 'GET a'), '+OK|+OK|$1|1');
  assert.equal(client.connection.authenticated, true);
  assert.match(await client.send('NONSENSE'), /^-ERR unknown command/);
  assert.equal(await client.send('RESET', 'GET a'), '+RESET|-NOAUTH Authentication required.');
});

test('each table is its own keyspace with its own password', async () => {
  const world = new World(
    table(0, 'default', 2),
    table(1, 'orders', 2, await hashPassword('of orders')),
    table(2, 'open', 2),
    table(3, 'twin', 2, await hashPassword('of orders')),
  );
  const client = world.connect();
  assert.equal(await client.send('SET k default', 'SELECT 2', 'GET k', 'SET k open'), '+OK|+OK|$-1|+OK');
  assert.equal(await client.send('SELECT orders', 'GET k'), '-NOAUTH Authentication required.|$4|open');
  assert.equal(
    await client.send('AUTH orders wrong', 'GET k'),
    '-WRONGPASS invalid username-password pair or user is disabled.|$4|open',
  );
  assert.equal(await client.send('AUTH orders "of orders"', 'GET k', 'SET k orders'), '+OK|$-1|+OK');
  // Opened once, it stays open to this connection; a twin with the same password is another table.
  assert.equal(await client.send('SELECT 0', 'GET k', 'SELECT 1', 'GET k'), '+OK|$7|default|+OK|$6|orders');
  assert.equal(await client.send('SELECT twin'), '-NOAUTH Authentication required.');
  assert.equal(
    await client.send('SELECT 9', 'SELECT nine'),
    '-ERR DB index is out of range|-ERR invalid DB index',
  );
  assert.match(await client.send('AUTH nowhere x'), /^-WRONGPASS /);
});

test('AUTH with a password alone is remembered for the SELECT that follows', async () => {
  const world = new World(table(0, 'default', 1), table(1, 'orders', 1, await hashPassword('of orders')));
  const client = world.connect();
  assert.equal(await client.send('AUTH "of orders"', 'SELECT orders', 'GET k'), '+OK|+OK|$-1');
  const other = world.connect();
  assert.equal(await other.send('AUTH guess', 'SELECT orders'), '+OK|-NOAUTH Authentication required.');
  assert.match(
    await new World(table(0, 'default', 1)).connect().send('AUTH x'),
    /^-ERR AUTH <password> called without any/,
  );
});

test('connections of a table that is gone are told so, and get no rights from it', async () => {
  const guarded = table(1, 'orders', 1, await hashPassword('secret'));
  const world = new World(table(0, 'default', 1), guarded, table(2, 'short', 1));
  const client = world.connect();
  assert.equal(await client.send('SELECT short', 'GET a'), '+OK|$-1');
  world.publish(2, [table(0, 'default', 1), guarded]);
  assert.match(await client.send('GET a'), /^-ERR the table of this connection was dropped/);
  assert.equal(await client.send('SELECT orders'), '-NOAUTH Authentication required.');
  world.publish(3, [table(0, 'default', 1), guarded, table(7, 'short', 1)]);
  assert.match(
    await client.send('GET a'),
    /^-ERR the table of this connection was dropped/,
    'a namesake is another table',
  );
  assert.equal(await client.send('SELECT short', 'GET a'), '+OK|$-1');
});

test('a password set later holds for connections that are there', async () => {
  const world = new World(table(0, 'default', 1));
  const client = world.connect();
  assert.equal(await client.send('SET a 1'), '+OK');
  world.publish(2, [table(0, 'default', 1, await hashPassword('secret'))]);
  assert.equal(await client.send('GET a'), '-NOAUTH Authentication required.');
});

test('the cluster port redirects keys led elsewhere, keeps hash slots apart, and the plain port forwards', async () => {
  const own = table(0, 'default', 3);
  const world = new World(own);
  world.ledElsewhere(own, 'foo', 2);
  const cluster = world.connect('cluster');
  const hash = hash14(Buffer.from('foo'));
  assert.equal(await cluster.send('GET foo'), `-MOVED ${hash} 10.0.0.2:9322`);
  const here = ['bar', 'hello', 'a', 'b', 'c'].find((key) => slotOf(own, key) !== slotOf(own, 'foo'))!;
  assert.equal(await cluster.send(`SET ${here} 1`), '+OK');
  // The same slot of the table is not enough: a cluster client knows hash slots only.
  assert.match(await cluster.send(`MSET ${here} 1 ${here}2 2`), /^-CROSSSLOT /);
  assert.equal(world.fleet.sent.length, 0);
  const plain = world.connect();
  const pending = plain.send('GET foo');
  while (world.fleet.sent.length === 0) await turn();
  world.fleet.done(world.fleet.sent[0]!, 'from afar');
  assert.equal(await pending, '$9|from afar');
});

test('on the cluster port commands without keys speak of what is led here', async () => {
  const own = table(0, 'default', 3);
  const world = new World(own);
  const plain = world.connect();
  for (let key = 0; key < 30; key++) await plain.send(`SET k${key} v`);
  world.fleet.leads(2, 2, own.groups[1]!.groupId);
  const here = Array.from({ length: 30 }, (_, key) => `k${key}`).filter((key) => slotOf(own, key) !== 1);
  const cluster = world.connect('cluster');
  assert.equal(await cluster.send('DBSIZE'), `:${here.length}`);
  assert.deepEqual((await scanAll(cluster, 4)).sort(), [...here].sort());
  assert.equal(world.fleet.sent.length, 0);
});

test('SCAN walks all slots, whatever its COUNT, and empty ones cost no round trip each', async () => {
  const world = new World(table(0, 'default', 64));
  const client = world.connect();
  const keys = Array.from({ length: 40 }, (_, key) => `k${key}`);
  for (const key of keys) await client.send(`SET ${key} v`);
  for (const count of [1, 7, 1000]) assert.deepEqual((await scanAll(client, count)).sort(), [...keys].sort());
  const sparse = new World(table(0, 'default', 60)).connect();
  assert.equal(await sparse.send('SCAN 0'), '*2|$1|0|*0');
  assert.equal(await sparse.send('SCAN nonsense'), '-ERR invalid cursor');
});

test('a cluster port that leads none of very many slots ends a SCAN at once', async () => {
  const own = table(0, 'default', 16384);
  const world = new World(own);
  for (const { groupId } of own.groups) world.fleet.leads(2, 2, groupId);
  assert.equal(await world.connect('cluster').send('SCAN 0'), '*2|$1|0|*0');
});

test('CLUSTER COUNTKEYSINSLOT counts one hash slot, though the table has fewer slots', async () => {
  const client = new World(table(0, 'default', 2)).connect();
  await client.send('SET {a}1 v', 'SET {a}2 v', 'SET b v');
  assert.equal(await client.send(`CLUSTER COUNTKEYSINSLOT ${hash14(Buffer.from('a'))}`), ':2');
});

test('refusals and unknown outcomes, in words that a client can act on', async () => {
  const own = table(0, 'default', 1);
  const world = new World(own);
  const [{ groupId } = assert.fail()] = own.groups;
  world.fleet.leads(2, 2, groupId);
  const client = world.connect();
  const answered = async (line: string, settle: (world: World) => void): Promise<string> => {
    const before = world.fleet.sent.length;
    const pending = client.send(line);
    while (world.fleet.sent.length === before) await turn();
    settle(world);
    return pending;
  };
  const refusing = (why: 'busy' | 'tooLarge' | 'diskFull' | 'timeout') => (one: World) =>
    one.fleet.refused(one.fleet.sent.at(-1)!, why);
  assert.match(await answered('SET a 1', refusing('busy')), /^-TRYAGAIN /);
  assert.match(await answered('SET a 1', refusing('timeout')), /^-TRYAGAIN .* not executed/);
  assert.match(await answered('SET a 1', refusing('tooLarge')), /^-ERR .*proposal-bytes-max/);
  assert.match(await answered('SET a 1', refusing('diskFull')), /^-MISCONF the disk is nearly full/);
  assert.match(await answered('SET a 1', (one) => one.fleet.down(2)), /^-UNCERTAIN /);
  const waiting = client.send('GET a');
  await world.fleet.clock.pass(2500);
  assert.match(await waiting, /^-CLUSTERDOWN /);
});

test('QUIT is answered and ends the connection; what was asked before it is answered first', async () => {
  const client = new World(table(0, 'default', 1)).connect();
  assert.equal(await client.send('SET a 1', 'QUIT', 'GET a'), '+OK|+OK');
  assert.ok(client.stream.ended);
});

test('CLIENT INFO tells of the connection, its table and its name', async () => {
  const client = new World(table(0, 'default', 1), table(4, 'orders', 1)).connect();
  const info = await client.send('CLIENT SETNAME me', 'SELECT orders', 'CLIENT INFO');
  assert.match(info, /id=1 addr=127\.0\.0\.1:50001 .*name=me .*db=4 .*cmd=client\|info user=orders/);
});

async function scanAll(client: Client, count: number): Promise<string[]> {
  const found: string[] = [];
  let cursor = '0';
  do {
    const [, , next, , ...rest] = (await client.send(`SCAN ${cursor} COUNT ${count}`)).split('|');
    found.push(...rest.filter((_, i) => i % 2 === 1));
    cursor = next!;
  } while (cursor !== '0');
  return found;
}
