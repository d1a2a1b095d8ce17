/** Who gets in: the rule for listening, the token, and mutual TLS with real certificates. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Metadata } from '@grpc/grpc-js';
import { hostPort, isLoopback, loadSecurity, requireSafeListen } from '../../src/rpc/credentials.js';
import { eventually, joinAll, startNode, textsOf, ups } from './loopback.js';

test('loopback is told from the rest', () => {
  for (const host of ['127.0.0.1', '127.1.2.3', 'localhost', '::1', '[::1]', '::ffff:127.0.0.1']) {
    assert.ok(isLoopback(host), host);
  }
  for (const host of ['0.0.0.0', '::', '10.0.0.1', '127.0.0.1.example.org', 'localhost.example.org', '']) {
    assert.ok(!isLoopback(host), host);
  }
});

test('beyond loopback only with a token or TLS, and the error says what to do', () => {
  const open = loadSecurity({});
  requireSafeListen(open, '127.0.0.1', 'the peer port');
  assert.throws(
    () => requireSafeListen(open, '0.0.0.0', 'the peer port'),
    /peer port.*0\.0\.0\.0.*cluster-token/,
  );
  requireSafeListen(loadSecurity({ clusterToken: 'secret' }), '0.0.0.0', 'the peer port');
});

test('only the right token is admitted', () => {
  const guarded = loadSecurity({ clusterToken: 'secret' });
  assert.ok(guarded.admits(guarded.callMetadata()));
  assert.ok(!guarded.admits(new Metadata()));
  assert.ok(!guarded.admits(loadSecurity({ clusterToken: 'Secret' }).callMetadata()));
  assert.ok(loadSecurity({}).admits(guarded.callMetadata()), 'a token that nobody asked for does no harm');
});

test('a token that can not travel in a header is refused, and not shown', () => {
  for (const clusterToken of ['', ' ', 'with space', 'tab\t', 'ümlaut']) {
    assert.throws(
      () => loadSecurity({ clusterToken }),
      (error: Error) =>
        /cluster-token/.test(error.message) &&
        (clusterToken.trim() === '' || !error.message.includes(clusterToken)),
    );
  }
});

test('a missing certificate is named', () => {
  const tls = { certFile: '/nowhere/cert.pem', keyFile: '/nowhere/key.pem', caFile: '/nowhere/ca.pem' };
  assert.throws(() => loadSecurity({ tls }), /tls\.caFile: cannot read \/nowhere\/ca\.pem: ENOENT/);
});

test('addresses are written as gRPC reads them', () => {
  assert.equal(hostPort('10.0.0.1', 5), '10.0.0.1:5');
  assert.equal(hostPort('::1', 5), '[::1]:5');
  assert.equal(hostPort('[::1]', 5), '[::1]:5');
});

const openssl = spawnSync('openssl', ['version']).status === 0;

test('mutual TLS: the cluster speaks, and neither a stranger nor a plain connection is heard', {
  timeout: 30_000,
  skip: openssl ? false : 'needs openssl',
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'talus-tls-'));
  const ours = { tls: certificate(folder, 'ours') };
  const theirs = { tls: certificate(folder, 'theirs') };
  const [one, two] = [await startNode(1, { security: ours }), await startNode(2, { security: ours })];
  const [stranger, plain] = [await startNode(3, { security: theirs }), await startNode(4)];
  t.after(async () => {
    for (const node of [one, two, stranger, plain]) await node.close();
    rmSync(folder, { recursive: true });
  });
  await joinAll(one, two);
  stranger.transport.setPeers([one.address]);
  plain.transport.setPeers([one.address]);
  one.transport.send(2, 'sync', Buffer.from('hello'));
  await eventually(() => textsOf(two, 'sync').includes('hello'));
  two.transport.send(1, 'ack', Buffer.from('heard'));
  await eventually(() => textsOf(one, 'ack').includes('heard'));
  assert.equal(ups(stranger) + ups(plain), 0);
});

/** An authority called `name` and one certificate for 127.0.0.1 that it signed. */
function certificate(folder: string, name: string) {
  const path = (suffix: string) => join(folder, `${name}-${suffix}`);
  const run = (...args: string[]) => execFileSync('openssl', args, { stdio: 'ignore' });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  run(
    'req',
    '-x509',
    ...newKey,
    '-days',
    '2',
    '-subj',
    `/CN=${name}`,
    '-keyout',
    path('ca.key'),
    '-out',
    path('ca.pem'),
  );
  run('req', ...newKey, '-subj', '/CN=node', '-keyout', path('node.key'), '-out', path('node.csr'));
  writeFileSync(path('extensions'), 'subjectAltName=IP:127.0.0.1\n');
  const signing = [
    '-CA',
    path('ca.pem'),
    '-CAkey',
    path('ca.key'),
    '-CAcreateserial',
    '-extfile',
    path('extensions'),
  ];
  run('x509', '-req', '-days', '2', '-in', path('node.csr'), ...signing, '-out', path('node.pem'));
  return { certFile: path('node.pem'), keyFile: path('node.key'), caFile: path('ca.pem') };
}
