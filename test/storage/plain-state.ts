/**
 * The states of a group as plain text: what they should be after each entry of its log, and what an engine's rows say.
 *
 * The model runs the commands on whole records in memory, without pages, pool or checkpoint. The reading of rows knows the formats
 * and nothing else of the program: it goes from a record's roots down to every leaf, so a page that is missing shows.
 */
import assert from 'node:assert/strict';
import { stateMachine } from '../../src/commands/state-machine.js';
import { seededRandom } from '../../src/random.js';
import type { Body, PagedBody } from '../../src/slot/body.js';
import { stringAt } from '../../src/slot/byte-list.js';
import { decodeEntry } from '../../src/slot/entry.js';
import type { Due } from '../../src/slot/expiry.js';
import { parseExpiryKey, parseRecordKey } from '../../src/slot/keys.js';
import { pageKey } from '../../src/slot/page-keys.js';
import { decodeMeta, decodeRecord, type StateMeta } from '../../src/slot/record.js';
import { decodePage, rowsOf } from '../../src/slot/tree-page.js';
import type { KeyRecord } from '../../src/slot/txn.js';
import type { BinlogEntry } from '../../src/storage/binlog.js';
import { FakeSlot } from '../commands/fake-slot.js';

/** One line a key, in the order of the keys. */
export type PlainState = readonly string[];

export class PlainModel {
  private readonly groups = new Map<number, { readonly slot: FakeSlot; readonly states: PlainState[] }>();

  /** An entry that somebody applied; the first one counts. */
  applied(groupId: number, entry: BinlogEntry): void {
    let group = this.groups.get(groupId);
    if (group === undefined) {
      group = { slot: new FakeSlot(0), states: [[]] };
      this.groups.set(groupId, group);
    }
    const { slot, states } = group;
    if (entry.index !== states.length) return;
    if (entry.kind === 'command') applyTo(slot, entry);
    states.push(slot.contents().map(([name, record]) => lineOf(name, record, inlineParts)));
  }

  /** After the entries up to this one; undefined: nobody has applied as much. */
  at(groupId: number, index: number): PlainState | undefined {
    return this.groups.get(groupId)?.states[index] ?? (index === 0 ? [] : undefined);
  }
}

function applyTo(slot: FakeSlot, { index, data }: BinlogEntry): void {
  const entry = decodeEntry(data);
  slot.nowMs = entry.timeMs;
  let position = 0;
  for (const { commands } of entry.groups) {
    for (const argv of commands) {
      const txn = slot.begin();
      const random = seededRandom(entry.seedHigh, entry.seedLow, position++);
      const { failed } = stateMachine.apply(txn, argv, { nowMs: entry.timeMs, index, random });
      if (!failed) slot.commit(txn);
    }
  }
}

export interface StoredRows {
  readonly meta: StateMeta;
  readonly state: PlainState;
}

type Row = readonly [key: Buffer, value: Buffer];

/** All rows of one state. */
export function readRows(stateId: number, rows: readonly Row[]): StoredRows {
  const byKey = new Map(rows.map(([key, value]) => [key.toString('hex'), value]));
  const lines: (readonly [name: string, line: string])[] = [];
  const expiries: string[] = [];
  const expected: string[] = [];
  let meta: StateMeta | undefined;
  for (const [key, value] of rows) {
    const area = key.readUInt16BE(4);
    if (area === META_AREA) meta = decodeMeta(value);
    if (area === EXPIRY_AREA) expiries.push(dueOf(parseExpiryKey(key)));
    if (area >= PAGE_AREA) continue;
    const own = parseRecordKey(key).key;
    const name = own.toString('latin1');
    const record = decodeRecord(value);
    const parts = (body: Body): readonly string[][] =>
      body.form === 'paged' ? pagedParts(stateId, byKey, body) : inlineParts(body);
    lines.push([name, lineOf(name, record, parts)]);
    if (record.expireAtMs !== undefined) expected.push(dueOf({ key: own, expireAtMs: record.expireAtMs }));
  }
  assert.ok(meta !== undefined, `state ${stateId} has no meta`);
  assert.equal(meta.keys, lines.length, `state ${stateId}: keys`);
  assert.deepEqual(expiries.sort(), expected.sort(), `state ${stateId}: its expiry index`);
  return { meta, state: lines.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, line]) => line) };
}

/** docs/key-layout.md. */
const PAGE_AREA = 0x4000;
const EXPIRY_AREA = 0x8000;
const META_AREA = 0xffff;

function dueOf({ key, expireAtMs }: Due): string {
  return `${key.toString('latin1')} at ${expireAtMs}`;
}

function lineOf(name: string, record: KeyRecord, partsOf: (body: Body) => readonly string[][]): string {
  const head = `${JSON.stringify(name)} ${record.kind} ${record.expireAtMs ?? 'never'} `;
  if (record.kind === 'string') return head + record.value.toString('latin1');
  return (
    head +
    partsOf(record.body)
      .map((part) => part.join(','))
      .join(' | ')
  );
}

/** The elements of each of the body's trees. */
function inlineParts(body: Body): readonly string[][] {
  assert.ok(body.form !== 'paged', 'a model holds everything inline');
  if (body.form === 'items') return [body.list.items.map(hexOf)];
  const lists = body.form === 'sorted' ? [body.members, body.scores] : [body.members];
  return lists.map(({ keys, values }) => keys.map((key, i) => `${hexOf(key)}=${hexOf(values[i]!)}`));
}

function pagedParts(
  stateId: number,
  rows: ReadonlyMap<string, Buffer>,
  { life, roots }: PagedBody,
): readonly string[][] {
  const walk = (number: number): string[] => {
    const bytes = rows.get(pageKey(stateId, life, number).toString('hex'));
    assert.ok(bytes !== undefined, `state ${stateId}: page ${number} of life ${life.name} is missing`);
    const page = decodePage(bytes);
    if (page.kind === 'inner') return page.children.flatMap(walk);
    return Array.from({ length: rowsOf(page) }, (_, row) => {
      const first = hex(stringAt(page.strings, row * page.width));
      return page.width === 1 ? first : `${first}=${hex(stringAt(page.strings, row * 2 + 1))}`;
    });
  };
  return roots.map(({ page, count }) => {
    const elements = page === 0 ? [] : walk(page);
    assert.equal(elements.length, count, `state ${stateId}: elements of life ${life.name}`);
    return elements;
  });
}

function hexOf(text: string): string {
  return hex(Buffer.from(text, 'latin1'));
}

function hex(bytes: Buffer): string {
  return bytes.toString('hex');
}
