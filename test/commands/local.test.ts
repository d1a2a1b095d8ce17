/** Commands that a node answers: the connection, its settings, and the table as a Redis Cluster. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeSession, fakeNode } from './fake-node.js';
import { runOnNode } from './harness.js';

const answer = (line: string, session = new FakeSession()) => runOnNode(session, line);
const NAME_1 = '1'.repeat(40);
const NAME_2 = '2'.repeat(40);
const NAME_3 = '3'.repeat(40);

test('HELLO speaks RESP2, refuses RESP3, authenticates and names in one go', async () => {
  const session = new FakeSession();
  session.authenticated = false;
  assert.match(await answer('hello 2', session), /^-NOAUTH HELLO must be called/);
  assert.equal(await answer('hello 3', session), '-NOPROTO unsupported protocol version');
  assert.match(await answer('hello 2 auth default wrong setname bob', session), /^-WRONGPASS/);
  assert.equal(session.name, '');
  assert.match(await answer('hello 2 auth default secret setname bob', session), /"proto": :2, "id": :5/);
  assert.equal(session.name, 'bob');
  assert.deepEqual(session.asked, ['authenticate default wrong', 'authenticate default secret']);
});

test('AUTH hands table and password to the session', async () => {
  const session = new FakeSession();
  assert.equal(await answer('auth secret', session), '+OK');
  assert.match(await answer('auth orders wrong', session), /^-WRONGPASS/);
  assert.deepEqual(session.asked, ['authenticate undefined secret', 'authenticate orders wrong']);
});

test('QUIT, RESET and SELECT reach the session', async () => {
  const session = new FakeSession();
  assert.equal(await answer('quit', session), '+OK');
  assert.equal(await answer('reset', session), '+RESET');
  assert.equal(await answer('select 0', session), '+OK');
  assert.equal(await answer('select 9', session), '-ERR DB index is out of range');
  assert.deepEqual(session.asked, ['quit', 'reset', 'select 0', 'select 9']);
});

test('CLIENT keeps what it is told, in a form that CLIENT LIST can show', async () => {
  const session = new FakeSession();
  assert.equal(await answer('client setinfo LIB-NAME node-client', session), '+OK');
  assert.equal(await answer('client setinfo lib-ver 1.2', session), '+OK');
  assert.equal(await answer('client setinfo foo 1', session), "-ERR Unrecognized option 'foo'");
  assert.equal(
    await answer('client setinfo lib-name a\nb', session),
    '-ERR lib-name cannot contain spaces, newlines or special characters.',
  );
  assert.equal(await answer('client setname bob', session), '+OK');
  const line = '"id=5 name=bob lib-name=node-client lib-ver=1.2\\n"';
  assert.equal(await answer('client info', session), line);
  assert.equal(await answer('client list', session), line);
  assert.equal(await answer('client list id 1 5', session), line);
  assert.equal(await answer('client list id 1', session), '""');
  assert.equal(await answer('client list type pubsub', session), '""');
  assert.equal(await answer('client no-touch maybe', session), '-ERR syntax error');
});

test('DEBUG SLEEP blocks the node, for those who may and for as long as they say', async () => {
  const blocked: number[] = [];
  const node = { ...fakeNode, block: (ms: number) => void blocked.push(ms) };
  const session = Object.assign(new FakeSession(), { node });
  assert.equal(await answer('debug SLEEP 0.25', session), '+OK');
  assert.equal(await answer('debug sleep 5', session), '+OK');
  assert.deepEqual(blocked, [250, 5000]);
  assert.equal(await answer('debug sleep soon', session), '-ERR value is not a valid float');
  const misspelt = "-ERR unknown subcommand or wrong number of arguments for 'jmap'. Try DEBUG HELP.";
  assert.equal(await answer('debug jmap', session), misspelt);
  session.fromLoopback = false;
  assert.match(await answer('debug sleep 1', session), /^-ERR DEBUG command not allowed/);
  node.debugCommand = 'yes';
  assert.equal(await answer('debug sleep 1', session), '+OK');
  session.fromLoopback = true;
  node.debugCommand = 'no';
  assert.match(await answer('debug sleep 1', session), /^-ERR DEBUG command not allowed/);
  assert.deepEqual(blocked, [250, 5000, 1000]);
});

test('CONFIG reads by pattern and refuses to set', async () => {
  assert.equal(await answer('config get PORT'), '{"port": "9221"}');
  assert.equal(await answer('config get b* data-*'), '{"data-dir": "./data", "binlog-bytes-max": "1048576"}');
  assert.equal(await answer('config get nothing'), '{}');
  assert.match(
    await answer('config set port 1'),
    /possibly related to argument 'port'.*read-only at run time$/,
  );
  assert.equal(
    await answer('config set bogus 1'),
    "-ERR Unknown option or number of arguments for CONFIG SET - 'bogus'",
  );
  assert.equal(await answer('config resetstat'), '+OK');
});

test('INFO lays sections out as Redis does', async () => {
  const server = '# Server\\r\\nredis_version:7.2.6\\r\\ntcp_port:9221\\r\\n';
  assert.equal(await answer('info server'), `"${server}"`);
  assert.equal(await answer('info'), `"${server}\\r\\n# Keyspace\\r\\ndb0:keys=1\\r\\n"`);
  assert.equal(await answer('info KEYSPACE nothing'), '"# Keyspace\\r\\ndb0:keys=1\\r\\n"');
  assert.equal(await answer('info nothing'), '""');
});

test('TIME is the wall clock in seconds and microseconds', async () => {
  assert.equal(await answer('time'), '["1700000000", "123456"]');
});

test('CLUSTER SLOTS lists the leader first, and followers where no leader is known', async () => {
  const node = (at: number, name: string) => `["10.0.0.${at}", :${9320 + at}, "${name}", {}]`;
  const [one, two, three] = [node(1, NAME_1), node(2, NAME_2), node(3, NAME_3)];
  const ranges = [
    `[:0, :5461, ${one}, ${two}, ${three}]`,
    `[:5462, :10922, ${two}, ${one}, ${three}]`,
    `[:10923, :16383, ${one}, ${two}, ${three}]`,
  ];
  assert.equal(await answer('cluster slots'), `[${ranges.join(', ')}]`);
});

test('CLUSTER SHARDS tells role and health of each replica', async () => {
  const reply = await answer('cluster shards');
  assert.ok(
    reply.startsWith(
      `[{"slots": [:0, :5461], "nodes": [{"id": "${NAME_1}", "port": :9321, "ip": "10.0.0.1", `,
    ),
  );
  assert.equal(reply.split('"role": "master"').length - 1, 2);
  assert.equal(reply.split('"role": "replica"').length - 1, 7);
  assert.equal(reply.split('"health": "fail"').length - 1, 3);
});

test('CLUSTER NODES has one line a node, in the format that clients parse', async () => {
  const lines = [
    `${NAME_1} 10.0.0.1:9321@0 myself,master - 0 0 4 connected 0-5461`,
    `${NAME_2} 10.0.0.2:9322@0 master - 0 0 9 connected 5462-10922`,
    `${NAME_3} 10.0.0.3:9323@0 master,fail? - 0 0 0 disconnected`,
  ];
  assert.equal(await answer('cluster nodes'), JSON.stringify(`${lines.join('\n')}\n`));
});

test('CLUSTER INFO is not ok while a range has no leader', async () => {
  const text = JSON.parse(await answer('cluster info')) as string;
  assert.match(text, /^cluster_state:fail\r\ncluster_slots_assigned:16384\r\ncluster_slots_ok:10923\r\n/);
  assert.match(
    text,
    /cluster_known_nodes:3\r\ncluster_size:2\r\ncluster_current_epoch:9\r\ncluster_my_epoch:4\r\n/,
  );
});

test('CLUSTER on keys and hash slots', async () => {
  assert.equal(await answer('cluster keyslot foo'), ':12182');
  assert.equal(await answer('cluster keyslot {foo}.bar'), ':12182');
  assert.equal(await answer('cluster myid'), `"${NAME_1}"`);
  assert.equal(await answer('cluster countkeysinslot 12'), ':13');
  assert.equal(await answer('cluster countkeysinslot 16384'), '-ERR Invalid slot');
  assert.equal(await answer('cluster countkeysinslot x'), '-ERR value is not an integer or out of range');
});

test('HELP of every container ends as Redis ends it', async () => {
  for (const container of ['client', 'cluster', 'command', 'config']) {
    const reply = await answer(`${container} help`);
    assert.ok(
      reply.startsWith(
        `[+${container.toUpperCase()} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`,
      ),
    );
    assert.ok(reply.endsWith('+HELP, +    Prints this help.]'));
  }
});

test('COMMAND tells of every command, and DOCS of those that exist', async () => {
  const count = Number((await answer('command count')).slice(1));
  assert.ok(count > 50);
  assert.match(
    await answer('command docs get bogus'),
    /^\{"get": \{"summary": "Returns the string value of a key\."/,
  );
  assert.match(
    await answer('command list filterby aclcat dangerous'),
    /"flushall", "flushdb", "info", "keys"/,
  );
  assert.match(
    await answer('command info mset'),
    /"request_policy:multi_shard", "response_policy:all_succeeded"/,
  );
});

test('READONLY and READWRITE choose who serves reads', async () => {
  const session = new FakeSession();
  assert.equal(await answer('readonly', session), '+OK');
  assert.equal(session.readsHere, true);
  assert.equal(await answer('readwrite', session), '+OK');
  assert.equal(session.readsHere, false);
});
