/** Wrong and odd bytes, sent to a real Redis and to us: the replies must be the same, byte for byte. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { type TestContext, test } from 'node:test';
import { DEFAULT_CONNECTION_LIMITS } from '../../src/resp/limits.js';
import { bulk, error } from '../../src/resp/reply.js';
import { RespServer } from '../../src/resp/server.js';
import { requireDebian } from '../conformance/require-debian.js';
import { Client, freePort, realEnv } from './real-world.js';

const LONG = 'a'.repeat(140_000);

/** Inputs after which Redis closes, or which end in QUIT; ECHO is the command both sides know. */
const INPUTS: readonly string[] = [
  '*x\r\n',
  '*\r\n',
  '*01\r\n',
  '*-0\r\n',
  '*+1\r\n',
  '*99999999999999999999\r\n',
  '*4294967296\r\n',
  '*1\r\nPING\r\n',
  '*1\r\n\r\n',
  '*1\r\n\n\r\n',
  '*1\r\n$x\r\n',
  '*1\r\n$-1\r\n',
  '*1\r\n$\r\n',
  '*1\r\n$99999999999999999999\r\n',
  `*${LONG}`,
  `*1\r\n$${LONG}`,
  LONG,
  'ECHO "a\r\n',
  "ECHO 'a\r\n",
  'ECHO "a"b\r\n',
  '*0\r\n*-1\r\n\r\n  \r\nECHO "a\\x41\\n\\t\\q" \r\nQUIT\r\n',
  'ECHO \'a\\\'b\\n\'\r\nECHO a"b c"\r\nECHO a\vb\r\nECHO "a"\v\r\nQUIT\r\n',
  '*2\rX$4\rYECHOZZ$0\r\n\r\nQUIT\r\n',
  '*2\r\n$4\r\nECHO\r\n$4\r\n\r\n\r\n\r\nQUIT\r\n',
  'ECHO before\r\n*1\r\n!\r\nECHO after\r\n',
  'POST / HTTP/1.1\r\nHost: x\r\n\r\nECHO a\r\n',
  'ECHO \r\n*1\r\nhost: x\r\n',
];

const STRANGER: readonly string[] = [
  '*11\r\n',
  '*1\r\n$16385\r\n',
  '*10\r\n$16384\r\n!',
  '*1\r\n$-1\r\n',
  '*x\r\n',
];

async function startRedis(t: TestContext, extra: readonly string[]): Promise<number> {
  const port = await freePort();
  const child: ChildProcess = spawn(
    requireDebian('redis-server'),
    [
      '--port',
      String(port),
      '--bind',
      '127.0.0.1',
      '--save',
      '',
      '--appendonly',
      'no',
      '--dir',
      '/tmp',
      ...extra,
    ],
    { stdio: 'ignore' },
  );
  t.after(() => void child.kill());
  for (;;) {
    const client = await Client.connect(port).catch(() => undefined);
    if (client !== undefined) {
      client.destroy();
      return port;
    }
    assert.equal(child.exitCode, null, 'redis-server did not start');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function startOurs(t: TestContext, authenticated: boolean): Promise<number> {
  let ids = 0;
  const server = new RespServer({
    host: '127.0.0.1',
    port: 0,
    maxClients: 100,
    limits: DEFAULT_CONNECTION_LIMITS,
    env: realEnv,
    nextConnectionId: () => ++ids,
    open: (connection) => {
      connection.authenticated = authenticated;
      return {
        execute: (argv, answer) => {
          if (argv[0]!.toString() === 'QUIT') connection.closeAfterReplies();
          if (argv[0]!.toString() === 'QUIT') answer({ kind: 'simple', text: 'OK' });
          else if (argv.length === 2) answer(bulk(argv[1]!));
          else answer(error("ERR wrong number of arguments for 'echo' command"));
          return 'go';
        },
        closed: () => {},
      };
    },
  });
  await server.listen();
  t.after(() => server.stop(0));
  return server.port;
}

async function exchange(port: number, input: string): Promise<string> {
  const client = await Client.connect(port, true);
  client.send(input);
  // Shut when Redis has had its say; what it still waits for then never comes.
  const patience = setTimeout(() => client.socket.end(), 300);
  const output = await client.all();
  clearTimeout(patience);
  return output;
}

async function compare(
  t: TestContext,
  inputs: readonly string[],
  redisArgs: readonly string[],
  authenticated: boolean,
): Promise<void> {
  const [theirs, ours] = [await startRedis(t, redisArgs), await startOurs(t, authenticated)];
  const check = async (input: string): Promise<void> => {
    const [expected, actual] = await Promise.all([exchange(theirs, input), exchange(ours, input)]);
    assert.equal(actual, expected, JSON.stringify(input.slice(0, 80)));
  };
  await Promise.all(inputs.map(check));
}

test('an authenticated client hears the same from both', (t) => compare(t, INPUTS, [], true));

test('a stranger hears the same from both', (t) => compare(t, STRANGER, ['--requirepass', 'secret'], false));
