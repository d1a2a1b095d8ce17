/**
 * Password hashes: verified, salted, and harmless when forged.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hashPassword, verifyPassword } from '../../src/password.js';

test('a password is verified against its own hash, and only that one', async () => {
  const stored = await hashPassword('sésame');
  assert.match(stored, /^scrypt\$16384\$8\$1\$[\w-]{22}\$[\w-]{43}$/);
  assert.equal(await verifyPassword('sésame', stored), true);
  assert.equal(await verifyPassword('sesame', stored), false);
  assert.equal(await verifyPassword('', stored), false);
});

test('the same password gets another hash each time', async () => {
  assert.notEqual(await hashPassword('x'), await hashPassword('x'));
});

test('what is no hash, costs too much or is cut short verifies nothing and throws nothing', async () => {
  const good = await hashPassword('x');
  const forged = [
    '',
    'plain',
    good.replace('scrypt', 'md5'),
    good.replace('16384', '16385'),
    good.replace('$16384$8', '$1073741824$8'),
    good.slice(0, -30),
    good.replace('$8$1$', '$8$0$'),
  ];
  for (const stored of forged) assert.equal(await verifyPassword('x', stored), false, stored);
});
