/** How runs end: replies, mistakes, our own faults, and what the slot is told to do with the effects. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InvariantError } from '../../src/assert.js';
import { stateMachine } from '../../src/commands/state-machine.js';
import { PageFault, type Txn } from '../../src/slot/txn.js';
import { FakeSlot } from './fake-slot.js';
import { run, show, words } from './harness.js';

const NOW_MS = 1_700_000_000_000;

function throwing(thrown: unknown): Txn {
  const fail = (): never => {
    throw thrown;
  };
  const doors = {
    text: fail,
    prefetchTexts: fail,
    editText: fail,
    fields: fail,
    sorted: fail,
    items: fail,
    editFields: fail,
    editSorted: fail,
    editItems: fail,
    copy: fail,
  };
  return {
    get: fail,
    shortText: fail,
    put: fail,
    delete: fail,
    clear: fail,
    prefetch: fail,
    scan: fail,
    size: fail,
    ...doors,
  };
}

function applied(txn: Txn, line: string): string {
  const { reply, failed } = stateMachine.apply(txn, words(line), new FakeSlot(NOW_MS).context());
  return `${show(reply)}${failed ? ' failed' : ''}`;
}

test("a handler's own bug is an internal error, and its effects are dropped", () => {
  assert.equal(applied(throwing(new TypeError('oops')), 'incr k'), '-ERR internal error failed');
  const reply = stateMachine.read(
    throwing(new TypeError('oops')),
    words('get k'),
    new FakeSlot(NOW_MS).context(),
  );
  assert.equal(show(reply), '-ERR internal error');
});

test('page faults and broken invariants are not the state machine to judge', () => {
  assert.throws(() => applied(throwing(new PageFault([])), 'get k'), PageFault);
  assert.throws(() => applied(throwing(new InvariantError('x')), 'get k'), InvariantError);
});

test("the user's mistake is a reply, and leaves no effect", () => {
  const slot = new FakeSlot(NOW_MS);
  run(slot, 'set k abc');
  const before = slot.contents();
  assert.equal(applied(slot.begin(), 'incr k'), '-ERR value is not an integer or out of range failed');
  assert.deepEqual(slot.contents(), before);
});

test('an entry from elsewhere with a command that is unknown here, malformed or local kills nobody', () => {
  const txn = new FakeSlot(NOW_MS).begin();
  assert.match(applied(txn, 'future k'), /^-ERR unknown command 'future'.* failed$/);
  assert.equal(applied(txn, 'set k'), "-ERR wrong number of arguments for 'set' command failed");
  assert.equal(applied(txn, 'set k v ex'), '-ERR syntax error failed');
  assert.equal(applied(txn, 'ping'), '-ERR internal error failed');
});

test('reads run inside a group of writes and see its effects', () => {
  const txn = new FakeSlot(NOW_MS).begin();
  assert.equal(applied(txn, 'set k v'), '+OK');
  assert.equal(applied(txn, 'get k'), '"v"');
});

test('a write is no read', () => {
  const reply = stateMachine.read(
    new FakeSlot(NOW_MS).begin(),
    words('set k v'),
    new FakeSlot(NOW_MS).context(),
  );
  assert.equal(show(reply), '-ERR internal error');
});

test('keys are told for what is understood, and none for the rest', () => {
  assert.deepEqual(stateMachine.keys(words('mset a 1 b 2')).map(String), ['a', 'b']);
  assert.deepEqual(stateMachine.keys(words('future k')), []);
  assert.deepEqual(stateMachine.keys(words('get')), []);
});

test('values that are put are those of argv, and what stood before is not written to', () => {
  const slot = new FakeSlot(NOW_MS);
  run(slot, 'set k abc');
  const record = slot.begin().get(Buffer.from('k'))!;
  run(slot, 'append k d');
  run(slot, 'setrange k 0 X');
  assert.equal(record.kind === 'string' && String(record.value), 'abc');
  assert.equal(run(slot, 'get k'), '"Xbcd"');
});
