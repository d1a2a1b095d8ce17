/** What the recorder writes is what the judges read, and a history that breaks its own rules is refused. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { HistoryError, readHistory } from '../../jepsen-style/history.js';
import { Recorder } from '../../jepsen-style/recorder.js';
import { history } from './events.js';

test('operations survive the file, in the order in which they began', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'jepsen-history-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const recorder = new Recorder(join(folder, 'history.ndjson'));
  const [a, b] = [recorder.newProcess(), recorder.newProcess()];
  recorder.invoke(a, 1, 'write', 'k', 'v "1"\n');
  recorder.invoke(b, 2, 'read', 'k', null);
  recorder.complete('ok', { process: b, node: 2, f: 'read', key: 'k' }, null);
  recorder.fault('strike', 'kill-leader node-1', 1);
  recorder.complete('info', { process: a, node: 1, f: 'write', key: 'k' }, 'v "1"\n', 'timeout');
  recorder.close();
  const { operations, faults, acknowledged } = await readHistory(recorder.path);
  assert.deepEqual(
    operations.map(({ f, input, output, outcome, start, end }) => ({
      f,
      input,
      output,
      outcome,
      start,
      end,
    })),
    [
      { f: 'write', input: 'v "1"\n', output: null, outcome: 'unknown', start: 0, end: Infinity },
      { f: 'read', input: null, output: null, outcome: 'ok', start: 1, end: 2 },
    ],
  );
  assert.equal(faults.length, 1);
  assert.deepEqual(acknowledged, [2]);
});

test('a history larger than a chunk is whole and its times never go back', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'jepsen-history-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const recorder = new Recorder(join(folder, 'history.ndjson'));
  const process = recorder.newProcess();
  for (let index = 0; index < 5000; index++) {
    recorder.invoke(process, 1, 'write', `k${index}`, index);
    recorder.complete('ok', { process, node: 1, f: 'write', key: `k${index}` }, 'OK');
  }
  recorder.close();
  const lines = readFileSync(recorder.path, 'utf8').trimEnd().split('\n');
  assert.equal(lines.length, 10_000);
  const times = lines.map((line) => (JSON.parse(line) as { t: number }).t);
  assert.ok(times.every((time, index) => index === 0 || time >= times[index - 1]!));
  assert.equal((await readHistory(recorder.path)).operations.length, 5000);
});

test('an invoke without completion has an unknown fate', () => {
  const { operations } = history([0, 'invoke', 'write', 'k', 'v']);
  assert.equal(operations[0]!.outcome, 'unknown');
  assert.equal(operations[0]!.end, Infinity);
});

test('a process that may still have an operation under way can not begin another', () => {
  assert.throws(
    () => history([0, 'invoke', 'read', 'k', null], [0, 'invoke', 'read', 'k', null]),
    HistoryError,
  );
  assert.throws(
    () =>
      history(
        [0, 'invoke', 'read', 'k', null],
        [0, 'info', 'read', 'k', null],
        [0, 'invoke', 'read', 'k', null],
      ),
    HistoryError,
  );
  assert.throws(() => history([0, 'ok', 'read', 'k', null]), HistoryError);
});
