/** The reader for people: names what recovery would find, tells what is in the frames, and changes nothing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linesOf, textOfLine } from '../../src/node/binlog-dump.js';
import { encodeMembershipStep } from '../../src/raft/membership.js';
import { encodeBirth, memberOf } from '../../src/slot/birth.js';
import { encodeEntry } from '../../src/slot/entry.js';
import { encodeMark } from '../../src/slot/snapshot-install.js';
import type { BinlogRecord } from '../../src/storage/binlog.js';
import { inspectBinlog } from '../../src/storage/binlog-inspect.js';
import { SimFiles } from '../sim/sim-files.js';
import { append, birth, hardState, open, run } from './log-model.js';

async function written(batches: readonly (readonly BinlogRecord[])[], segmentBytes = 1e6): Promise<SimFiles> {
  const files = new SimFiles();
  const { binlog } = await open(files, undefined, { segmentBytes, binlogBytesMax: 1e9 });
  for (const batch of batches) await binlog.append(batch);
  return files;
}

async function damageOf(files: SimFiles): Promise<readonly string[]> {
  return (await inspectBinlog(files, () => {})).damage;
}

async function imageOf(files: SimFiles): Promise<string> {
  const names = await files.list('binlog');
  const all = await Promise.all(names.map((name) => files.readWhole(`binlog/${name}`)));
  return names.map((name, i) => `${name}=${all[i]!.toString('hex')}`).join();
}

test('a whole log is whole, while it is open too', async () => {
  const files = await written([[birth(1), birth(2)], [append(1, run(1, 3, 1))], [hardState(2, 4, 9)]]);
  const found = await inspectBinlog(files, () => {});
  assert.deepEqual([found.damage, found.frames, found.replicas, found.segments], [[], 4, 2, 1]);
});

test('each kind of damage is named with file and place, and nothing is changed by looking', async () => {
  const batches: BinlogRecord[][] = [[birth(1)], [append(1, run(1, 3, 1))]];
  for (let i = 1; i <= 120; i++) batches.push([hardState(1, i, 1)]);
  const cases: readonly (readonly [RegExp, (files: SimFiles) => void | Promise<void>])[] = [
    [/00000001\.seg at \d+: a frame of replica 1 may be missing/, (files) => flip(files, '00000001', 120)],
    [/00000002\.seg at 0: frames of any replica may be missing/, (files) => flip(files, '00000002', 3)],
    [/00000001\.seg is missing/, (files) => files.remove('binlog/00000001.seg')],
    [/00000002\.seg is missing/, (files) => files.remove('binlog/00000002.seg')],
    [
      /00000002\.seg ends at 32 instead of \d+/,
      (files) => {
        files.corrupt('binlog/00000002.seg', (bytes) => bytes.subarray(0, 32));
      },
    ],
  ];
  for (const [message, harm] of cases) {
    const files = await written(batches, 500);
    await harm(files);
    const before = await imageOf(files);
    assert.match((await damageOf(files)).join('\n'), message);
    assert.equal(await imageOf(files), before);
  }
  const files = await written(batches, 500);
  const newest = (await files.list('binlog')).at(-1)!;
  await files.remove(`binlog/${newest}`);
  assert.match((await damageOf(files)).join(), new RegExp(`${newest} is missing`));
});

function flip(files: SimFiles, segment: string, at: number): void {
  files.corrupt(`binlog/${segment}.seg`, (bytes) => {
    bytes[at]! ^= 0x40;
    return bytes;
  });
}

test('a torn last batch is no damage', async () => {
  const files = await written([[birth(1)], [append(1, run(1, 3, 1))]]);
  files.corrupt('binlog/00000001.seg', (bytes) => bytes.subarray(0, bytes.length - 3));
  const found = await inspectBinlog(files, () => {});
  assert.deepEqual(found.damage, []);
  assert.ok(found.tornBytes > 0);
});

test('dump: births, votes, marks, members and commands, byte for byte', async () => {
  const command = encodeEntry({
    rules: 1,
    timeMs: 1_700_000_000_000,
    seedHigh: 1,
    seedLow: 2,
    groups: [
      {
        kind: 'lone',
        commands: [[Buffer.from('SET'), Buffer.from('key:1'), Buffer.from([0, 0xff, 0x22, 0x41])]],
      },
      {
        kind: 'atomic',
        commands: [
          [Buffer.from('DEL'), Buffer.from('a b')],
          [Buffer.from('GET'), Buffer.from('x')],
        ],
      },
    ],
  });
  const change = encodeMembershipStep({
    kind: 'enterJoint',
    autoLeave: true,
    operations: [{ kind: 'voter', id: memberOf(4, 2) }],
  });
  const born = encodeBirth({ groupId: 7, tableId: 0, slot: 3, memberId: 2, voters: [1, 2, 3] });
  const files = await written([
    [{ kind: 'birth', replicaId: 5, birth: born }],
    [
      append(5, [
        { index: 1, term: 2, kind: 'empty', data: Buffer.alloc(0) },
        { index: 2, term: 2, kind: 'command', data: command },
        { index: 3, term: 2, kind: 'configuration', data: change },
        { index: 4, term: 2, kind: 'command', data: Buffer.from('nonsense') },
      ]),
      hardState(5, 2, memberOf(3, 1), 1),
    ],
    [{ kind: 'snapshot', replicaId: 5, index: 4, term: 2, mark: encodeMark(12) }],
  ]);
  const lines: string[] = [];
  await inspectBinlog(files, (frame, segment) => {
    for (const line of linesOf(frame, segment, {})) lines.push(textOfLine(line).replace(/@\d+/, '@'));
  });
  const at = 'binlog/00000001.seg @ replica 5';
  assert.deepEqual(lines, [
    `${at} birth [batch]: group 7, table 0, slot 3, member 2.0, voters 1.0 2.0 3.0`,
    `${at} entry [batch]: index 1, term 2, type empty`,
    `${at} entry [batch]: index 2, term 2, type command, timeMs 1700000000000, rules 1, atomic true, commands ` +
      '(SET key:1 "\\x00\\xff\\x22A") (DEL "a b") (GET x)',
    `${at} entry [batch]: index 3, term 2, type configuration, step enterJoint, changes voter:4.2`,
    `${at} entry [batch]: index 4, term 2, type command, unreadable entry version 110, known is 1, data 6e6f6e73656e7365`,
    `${at} hardState: term 2, votedFor 3.1, commit 1`,
    `${at} snapshot [batch]: index 4, term 2, keepsSuffix true, state 12`,
  ]);
  const some: unknown[] = [];
  await inspectBinlog(files, (frame, segment) => {
    for (const { index } of linesOf(frame, segment, { replicaId: 5, from: 3 })) some.push(index);
    assert.deepEqual(linesOf(frame, segment, { replicaId: 6 }), []);
  });
  assert.deepEqual(some, [3, 4]);
});
