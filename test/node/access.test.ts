/** Password checks: right, wrong, remembered, and few at a time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Access } from '../../src/node/access.js';
import { hashPassword } from '../../src/password.js';
import type { TableInfo } from '../../src/rpc/topology.js';

async function table(password: string | undefined): Promise<TableInfo> {
  const hash = password === undefined ? {} : { passwordHash: await hashPassword(password) };
  return { tableId: 1, name: 't', slots: 1, replicas: 1, mode: 'quorum', groups: [], ...hash };
}

test('the right password opens, another does not, and a table without one opens to none', async () => {
  const access = new Access();
  const guarded = await table('secret');
  assert.equal(await access.verify(guarded, Buffer.from('secret')), true);
  assert.equal(await access.verify(guarded, Buffer.from('Secret')), false);
  assert.equal(await access.verify(guarded, Buffer.alloc(0)), false);
  assert.equal(await access.verify(await table(undefined), Buffer.from('secret')), false);
});

test('what was right is remembered for that hash alone: a changed password ends it', async () => {
  const access = new Access();
  const before = await table('old');
  assert.equal(await access.verify(before, Buffer.from('old')), true);
  const after = { ...before, passwordHash: (await table('new')).passwordHash! };
  assert.equal(await access.verify(after, Buffer.from('old')), false);
  assert.equal(await access.verify(after, Buffer.from('new')), true);
});

test('many at once with the same right password cost a computation or two, not one each', async () => {
  const access = new Access();
  const guarded = await table('secret');
  const checks = Array.from({ length: 500 }, () => access.verify(guarded, Buffer.from('secret')));
  assert.ok((await Promise.all(checks)).every((ok) => ok === true));
});

test('guessing is slow: few checks run, a bounded number waits, the rest is told to come back', async () => {
  const access = new Access();
  // Not a hash, so that a check costs nothing: what is looked at is who waits.
  const guarded = { ...(await table(undefined)), passwordHash: 'not a hash' };
  const checks = Array.from({ length: 1500 }, (_, i) => access.verify(guarded, Buffer.from(`${i}`)));
  const verdicts = await Promise.all(checks);
  assert.equal(verdicts.filter((ok) => ok === false).length, 1002);
  assert.equal(verdicts.filter((ok) => ok === undefined).length, 498);
  assert.equal(await access.verify(guarded, Buffer.from('again')), false);
});
