/**
 * Clients that mean harm, or are broken: they get the errors that Redis gives, cost a bounded amount of memory, and nobody else
 * notices them. No process restarts through the whole file.
 *
 * The default table has a password here, set as an operator would: a file, named in pm.yaml before the first start.
 */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { seededRandom } from '../../src/random.js';
import { residentBytes } from './processes.js';
import { RawSocket, request } from './raw-socket.js';
import { TalusCluster } from './talus-cluster.js';

const PASSWORD = 'open sesame';
/** What a node may hold whatever clients do here: its caches and one client's output buffer at their bounds, and Node.js. */
const RESIDENT_BYTES_MAX = 1 << 30;
const MIB = 1 << 20;

let cluster: TalusCluster;
let pids: Readonly<Record<string, number>>;

before(async () => {
  cluster = await TalusCluster.prepare();
  await mkdir(join(cluster.dataDir, 'pm-1'), { recursive: true });
  const file = join(cluster.folder, 'password');
  await writeFile(file, `${PASSWORD}\n`, { mode: 0o600 });
  await writeFile(join(cluster.dataDir, 'pm-1', 'pm.yaml'), `# ours\ndefault-table-password-file: ${file}\n`);
  await cluster.launch();
  pids = cluster.pids();
});

after(() => cluster?.stop());

/** Whatever a test did: the same processes, within bounds, and they answer. */
afterEach(async () => {
  assert.deepEqual(cluster.pids(), pids, 'no process has ended');
  for (const node of [1, 2, 3]) {
    const bytes = residentBytes(pids[`node-${node}`]!);
    assert.ok(bytes < RESIDENT_BYTES_MAX, `node-${node} holds ${Math.round(bytes / MIB)} MiB`);
    const socket = await member(node);
    socket.write(Buffer.concat([request('SET', 'alive', `${node}`), request('GET', 'alive')]));
    await socket.untilText(new RegExp(`\\+OK\r\n\\$1\r\n${node}\r\n$`));
    socket.destroy();
  }
});

const stranger = (node = 1): Promise<RawSocket> => RawSocket.connect(cluster.port + node - 1);

async function member(node = 1): Promise<RawSocket> {
  const socket = await stranger(node);
  socket.write(request('AUTH', PASSWORD));
  await socket.untilText(/^\+OK\r\n$/);
  return socket;
}

/** What comes back until the server closes; for bytes after which it must. */
async function lastWords(socket: RawSocket, bytes: string | Buffer): Promise<string> {
  socket.write(bytes);
  await socket.untilOver();
  socket.destroy();
  return socket.text.replace(/^\+OK\r\n/, '');
}

test('a stranger may authenticate, and nothing else', async () => {
  const socket = await stranger();
  socket.write(request('GET', 'a'));
  await socket.untilText(/^-NOAUTH Authentication required\.\r\n$/);
  socket.write(request('AUTH', 'guess'));
  await socket.untilText(/-WRONGPASS invalid username-password pair or user is disabled\.\r\n$/);
  socket.write(request('AUTH', 'default', PASSWORD));
  await socket.untilText(/\+OK\r\n$/);
  socket.write(request('PING'));
  await socket.untilText(/\+PONG\r\n$/);
  socket.destroy();
});

test('a stranger gets few and small arguments', async () => {
  const multibulk = '-ERR Protocol error: unauthenticated multibulk length\r\n';
  assert.equal(await lastWords(await stranger(), '*11\r\n'), multibulk);
  const bulk = '-ERR Protocol error: unauthenticated bulk length\r\n';
  assert.equal(await lastWords(await stranger(), '*2\r\n$4\r\nAUTH\r\n$16385\r\n'), bulk);
  const socket = await stranger();
  socket.write(request('AUTH', 'x'.repeat(16_384)));
  await socket.untilText(/^-WRONGPASS /);
  socket.destroy();
});

const PROTOCOL_ERRORS: readonly (readonly [string, string, string])[] = [
  ['a bulk beyond proto-max-bulk-len', '*2\r\n$3\r\nGET\r\n$67108865\r\n', 'invalid bulk length'],
  ['a bulk of negative length', '*2\r\n$3\r\nGET\r\n$-7\r\n', 'invalid bulk length'],
  ['a bulk length that is no number', '*1\r\n$abc\r\n', 'invalid bulk length'],
  ['too many arguments', '*1048577\r\n', 'invalid multibulk length'],
  ['a count that is no number', '*two\r\n', 'invalid multibulk length'],
  ['something else than a bulk', '*1\r\n!3\r\nGET\r\n', "expected '$', got '!'"],
  ['quotes that do not end', 'SET a "b\r\n', 'unbalanced quotes in request'],
  ['a line without an end', 'x'.repeat(70_000), 'too big inline request'],
  ['a length without an end', `*1\r\n$${'1'.repeat(70_000)}`, 'too big bulk count string'],
];

for (const [what, bytes, error] of PROTOCOL_ERRORS) {
  test(`${what} is a protocol error, and the end of the connection`, async () => {
    assert.equal(await lastWords(await member(), bytes), `-ERR Protocol error: ${error}\r\n`);
  });
}

test('a browser that was tricked into talking to us hears nothing', async () => {
  const post = 'POST / HTTP/1.1\r\nHost: localhost\r\n\r\nSET stolen 1\r\n';
  assert.equal(await lastWords(await member(), post), '');
});

test('a command that is wrong costs an error, not the connection', async () => {
  const socket = await member();
  socket.write(request('NOSUCH', 'a'));
  await socket.untilText(/-ERR unknown command 'NOSUCH', with args beginning with: 'a' ?\r\n$/);
  socket.write(request('GET'));
  await socket.untilText(/-ERR wrong number of arguments for 'get' command\r\n$/);
  socket.write(request('SET', 'a', 'b', 'EX', 'soon'));
  await socket.untilText(/-ERR value is not an integer or out of range\r\n$/);
  socket.write(request('PING'));
  await socket.untilText(/\+PONG\r\n$/);
  socket.destroy();
});

test('who says goodbye still gets the answers', async () => {
  const socket = await member();
  const count = 500;
  for (let i = 0; i < count; i++) socket.write(request('SET', `bye:${i}`, `${i}`));
  socket.end();
  await socket.untilOver();
  assert.equal(socket.text, '+OK\r\n'.repeat(count + 1));
  const inTheMiddle = await member();
  inTheMiddle.write('*2\r\n$3\r\nGET\r\n$100\r\nhalf');
  inTheMiddle.end();
  await inTheMiddle.untilOver();
  assert.equal(inTheMiddle.text, '+OK\r\n');
});

test('a large value is taken and given back', async () => {
  const value = Buffer.alloc(16 * MIB, 'v');
  const socket = await member(2);
  socket.write(request('SET', 'large', value));
  await socket.untilText(/\+OK\r\n\+OK\r\n$/);
  const before = socket.bytes;
  socket.write(request('STRLEN', 'large'));
  await socket.untilText(new RegExp(`:${value.length}\r\n$`));
  socket.write(request('GET', 'large'));
  const wanted = before + `:${value.length}\r\n$${value.length}\r\n\r\n`.length + value.length;
  for (let i = 0; socket.bytes < wanted && i < 3000; i++) await sleep(10);
  assert.equal(socket.bytes, wanted);
  socket.write(request('DEL', 'large'));
  await socket.untilText(/:1\r\n$/);
  socket.destroy();
});

const FUZZ_SEED = 20_240_601;
const FUZZ_CONNECTIONS = 300;

test(`nonsense, from seed ${FUZZ_SEED}`, async () => {
  const random = seededRandom(FUZZ_SEED, 1);
  const valid = Buffer.concat([
    request('SET', 'fuzz', 'value', 'EX', '100'),
    request('MGET', 'a', 'b', 'c', 'fuzz'),
    Buffer.from('PING hello\r\nGET "a b"\r\n'),
    request('GETRANGE', 'fuzz', '0', '-1'),
    request('CLIENT', 'SETNAME', 'fuzzer'),
    request('SCAN', '0', 'COUNT', '10'),
    request('CLUSTER', 'KEYSLOT', 'fuzz'),
    request('HELLO', '3'),
    request('INCRBYFLOAT', 'fuzz:n', '1.5'),
  ]);
  for (let i = 0; i < FUZZ_CONNECTIONS; i++) {
    const socket = await (i % 3 === 0 ? stranger(1 + (i % 2)) : member(1 + (i % 3)));
    const bytes = mutated(valid, random);
    const cut = random.below(bytes.length + 1);
    socket.write(bytes.subarray(0, cut));
    socket.write(bytes.subarray(cut));
    socket.end();
    await socket.untilOver();
    socket.destroy();
  }
});

/** A few bytes flipped, dropped, doubled, or moved. */
function mutated(bytes: Buffer, random: ReturnType<typeof seededRandom>): Buffer {
  let result = Buffer.from(bytes);
  for (let changes = 1 + random.below(8); changes > 0; changes--) {
    const at = random.below(result.length);
    const length = 1 + random.below(16);
    const piece = result.subarray(at, at + length);
    switch (random.below(4)) {
      case 0:
        result[at] = random.below(256);
        break;
      case 1:
        result = Buffer.concat([result.subarray(0, at), result.subarray(at + length)]);
        break;
      case 2:
        result = Buffer.concat([result.subarray(0, at), piece, result.subarray(at)]);
        break;
      default:
        result = Buffer.concat([piece, result.subarray(0, at), result.subarray(at + length)]);
    }
    if (result.length === 0) return result;
  }
  return result;
}

test('a thousand idle connections, half of them in the middle of a request', async () => {
  const sockets: RawSocket[] = [];
  try {
    for (let i = 0; i < 1000; i++) {
      const socket = await stranger(1);
      if (i % 2 === 0) socket.write('*2\r\n$4\r\nAUTH\r\n$10000\r\nhalf');
      sockets.push(socket);
    }
    const working = await member(1);
    for (let i = 0; i < 100; i++) working.write(request('INCR', 'idle'));
    await working.untilText(/:100\r\n$/);
    working.destroy();
  } finally {
    for (const socket of sockets) socket.destroy();
  }
});

test('a client that asks and never reads', async (context) => {
  const writer = await member(1);
  writer.write(request('SET', 'big', Buffer.alloc(MIB, 'b')));
  await writer.untilText(/\+OK\r\n\+OK\r\n$/);
  writer.destroy();
  const sockets = await Promise.all([1, 2, 3].map((node) => member(node)));
  for (const socket of sockets) {
    socket.stopReading();
    socket.write(Buffer.concat(Array.from({ length: 3000 }, () => request('GET', 'big'))));
  }
  let most = 0;
  // Long enough for what could grow to have grown.
  for (let i = 0; i < 30; i++) {
    for (const node of [1, 2, 3]) most = Math.max(most, residentBytes(pids[`node-${node}`]!));
    await sleep(100);
  }
  context.diagnostic(`at most ${Math.round(most / MIB)} MiB resident`);
  assert.ok(most < RESIDENT_BYTES_MAX, `at most ${Math.round(most / MIB)} MiB`);
  for (const socket of sockets) socket.destroy();
});
