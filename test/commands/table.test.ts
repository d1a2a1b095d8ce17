/** The gate, the look-up and the shape of the table itself. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  commandTable,
  findRow,
  gate,
  isLocal,
  isRead,
  isWrite,
  keysOf,
  refusal,
} from '../../src/commands/table.js';
import { show, words } from './harness.js';

const all = commandTable.flatMap((row) => [row, ...(row.subcommands ?? [])]);

function refused(line: string): string | undefined {
  const gated = gate(words(line));
  return gated.kind === 'refused' ? show(gated.reply) : undefined;
}

function keys(line: string): string[] {
  const argv = words(line);
  return keysOf(findRow(argv)!, argv).map(String);
}

test('names are found in any case, subcommands through their container', () => {
  for (const spelling of ['get', 'GET', 'gEt']) assert.equal(findRow(words(`${spelling} k`))?.name, 'get');
  assert.equal(findRow(words('CONFIG get x'))?.name, 'config|get');
  assert.equal(findRow(words('config'))?.name, 'config');
  assert.equal(findRow(words('command'))?.name, 'command');
  assert.equal(findRow(words('config bogus')), undefined);
  assert.equal(findRow(words('config|get x')), undefined);
  assert.equal(findRow(words('x'.repeat(10_000))), undefined);
  assert.equal(findRow([Buffer.from('getÉ')]), undefined);
});

test('refusals at the gate are word for word', () => {
  assert.equal(refused('foo a b'), "-ERR unknown command 'foo', with args beginning with: 'a' 'b' ");
  assert.equal(refused('foo'), "-ERR unknown command 'foo', with args beginning with: ");
  assert.equal(refused('config x'), "-ERR unknown subcommand 'x'. Try CONFIG HELP.");
  assert.equal(refused('get'), "-ERR wrong number of arguments for 'get' command");
  assert.equal(refused('config get'), "-ERR wrong number of arguments for 'config|get' command");
  assert.equal(refused('config'), "-ERR wrong number of arguments for 'config' command");
  assert.equal(refused('get k'), undefined);
});

test('a line end in an argument cannot break the reply in two', () => {
  const reply = gate([Buffer.from('a\r\nb'), Buffer.from('c\nd')]);
  assert.ok(reply.kind === 'refused');
  assert.equal(show(reply.reply), "-ERR unknown command 'a  b', with args beginning with: 'c d' ");
});

test('parse refuses before anything runs', () => {
  const argv = words('set k v ex 0');
  const reply = refusal(findRow(argv)!, argv);
  assert.equal(reply && show(reply), "-ERR invalid expire time in 'set' command");
  assert.equal(refusal(findRow(words('get k'))!, words('get k')), undefined);
});

test('keys stand where the row says', () => {
  assert.deepEqual(keys('get a'), ['a']);
  assert.deepEqual(keys('set a v nx'), ['a']);
  assert.deepEqual(keys('mget a b c'), ['a', 'b', 'c']);
  assert.deepEqual(keys('mset a 1 b 2'), ['a', 'b']);
  assert.deepEqual(keys('rename a b'), ['a', 'b']);
  assert.deepEqual(keys('copy a b replace'), ['a', 'b']);
  assert.deepEqual(keys('scan 0'), []);
  assert.deepEqual(keys('ping'), []);
});

test('each row has one body, a unique name, and flags that agree with the body', () => {
  assert.equal(new Set(all.map((row) => row.name)).size, all.length);
  for (const row of all) {
    assert.equal([isRead(row), isWrite(row), isLocal(row)].filter(Boolean).length, 1, row.name);
    assert.equal(row.flags.includes('write'), isWrite(row), row.name);
    assert.equal(row.flags.includes('readonly'), isRead(row), row.name);
    assert.ok(row.arity !== 0, row.name);
  }
});

test('a slot command has keys or a policy, so that the router always knows where to go', () => {
  for (const row of all.filter((each) => !isLocal(each))) {
    assert.ok(row.keys !== undefined || row.policy !== undefined, row.name);
  }
});

test('what is open before a password is given is what Redis leaves open', () => {
  const open = all.filter((row) => row.flags.includes('no_auth')).map((row) => row.name);
  assert.deepEqual(open, ['auth', 'hello', 'quit', 'reset']);
});
