/** Whose work a sample is counted for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cpuCosts, heapCosts } from '../../bench/profile/stages.js';

const frame = (functionName: string, url: string) => ({
  ...{ functionName, url, scriptId: '1', lineNumber: 0, columnNumber: 0 },
});

test("Node's frames count for the caller that is ours, and the collector for itself", () => {
  const nodes = [
    { id: 1, callFrame: frame('(root)', ''), children: [2, 3, 4] },
    { id: 2, callFrame: frame('append', 'file:///t/dist/src/storage/node-files.js'), children: [5] },
    { id: 3, callFrame: frame('(garbage collector)', '') },
    { id: 4, callFrame: frame('onStreamRead', 'node:internal/stream_base_commons'), children: [6] },
    { id: 5, callFrame: frame('writev', 'node:internal/fs/promises') },
    { id: 6, callFrame: frame('constructor', 'file:///t/dist/src/raft/raft.js'), children: [7] },
    { id: 7, callFrame: frame('concat', 'file:///t/dist/src/bytes.js') },
  ];
  const samples = [2, 5, 3, 4, 6, 7];
  const { stages } = cpuCosts({
    nodes,
    samples,
    timeDeltas: samples.map(() => 10),
    startTime: 0,
    endTime: 60,
  });
  assert.deepEqual(Object.fromEntries(stages), {
    binlog: 20,
    'garbage collection': 10,
    'sockets of clients, in Node': 10,
    Raft: 20,
  });
});

test('bytes are counted the same way', () => {
  const ours = { id: 2, callFrame: frame('parse', 'file:///t/dist/src/resp/parser.js'), selfSize: 100 };
  const under = { id: 3, callFrame: frame('alloc', 'node:buffer'), selfSize: 28, children: [] };
  const head = {
    id: 1,
    callFrame: frame('(root)', ''),
    selfSize: 0,
    children: [{ ...ours, children: [under] }],
  };
  const { stages } = heapCosts({ head });
  assert.deepEqual([...stages], [['RESP: parse, order, encode', 128]]);
});
