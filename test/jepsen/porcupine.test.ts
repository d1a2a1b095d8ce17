/**
 * The search against 72 histories whose verdicts are known: the etcd runs that made Jepsen's name, and the
 * key-value runs of Porcupine.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { checkKeys } from '../../jepsen-style/checkers/keys.js';
import { checkLinearizable } from '../../jepsen-style/checkers/linearizable.js';
import { registerModel, textModel } from '../../jepsen-style/checkers/models.js';
import { porcupineFolder, readRegisterLog, readTextLog, verdictsOf } from './porcupine-data.js';

const folder = porcupineFolder();
const skip = folder ? false : 'no ../shared/testdata/porcupine beside this checkout';

test('every known verdict of a register history is found', { skip }, () => {
  const files = verdictsOf(folder!).filter(([file]) => file.startsWith('jepsen/'));
  assert.equal(files.length, 68);
  for (const [file, isLinearizable] of files) {
    const verdict = checkLinearizable(registerModel, readRegisterLog(join(folder!, file)));
    assert.equal(verdict.kind, isLinearizable ? 'legal' : 'illegal', file);
  }
});

test('every known verdict of a key-value history is found', { skip }, () => {
  const files = verdictsOf(folder!).filter(([file]) => file.startsWith('kv/'));
  assert.equal(files.length, 4);
  for (const [file, isLinearizable] of files) {
    const verdict = checkKeys(textModel, readTextLog(join(folder!, file)));
    assert.equal(verdict.kind, isLinearizable ? 'legal' : 'illegal', file);
    if (verdict.kind === 'legal') assert.deepEqual(verdict.undecided, [], file);
  }
});
