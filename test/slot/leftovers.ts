/** What the engine should hold when all is said and done: living keys' rows, and nothing else. */
import assert from 'node:assert/strict';
import { decodeRecord } from '../../src/slot/record.js';
import { lifeOf } from '../../src/slot/state.js';
import { decodePage } from '../../src/slot/tree-page.js';
import type { KeyRecord } from '../../src/slot/txn.js';
import type { Home } from './home.js';

/** Once all is written and what is gone was reclaimed, the engine holds the pages of living keys and nothing else. */
export async function noLeftovers(home: Home): Promise<void> {
  // One may be under way, with less than is dirty now.
  await home.bag.until(home.checkpointer.round());
  const isUnsettled = (): boolean =>
    home.state.dirtyBytes > 0 || home.state.hasUnwritten || home.state.pages.mayReclaim;
  for (let round = 0; round < 200 && isUnsettled(); round++) {
    await home.bag.until(home.checkpointer.round());
  }
  const rows = { records: 0, pages: 0, others: 0 };
  const reachable = new Map<string, number>();
  const pages = new Map<string, Buffer>();
  for (const [key, value] of await home.rows()) {
    const area = key.readUInt16BE(4);
    if (area < 0x4000) {
      rows.records++;
      const record = decodeRecord(value);
      const life = lifeOf(record);
      if (life === undefined) continue;
      for (const page of topPages(record)) reachable.set(`${life.index}.${life.ordinal}/${page}`, 0);
    } else if (area < 0x8000) {
      rows.pages++;
      const life = `${key.readUInt32BE(10)}.${key.readUInt32BE(14)}`;
      pages.set(`${life}/${key.readUInt32BE(18)}`, value);
    } else if (area >= 0x9000 && area < 0xffff) {
      rows.others++;
    }
  }
  for (const name of reachable.keys()) {
    const page = decodePage(pages.get(name)!);
    if (page.kind !== 'inner') continue;
    const [life] = name.split('/');
    // A map takes in what is added while it is walked.
    for (const child of page.children) reachable.set(`${life}/${child}`, 0);
  }
  assert.deepEqual([...pages.keys()].sort(), [...reachable.keys()].sort(), 'pages');
  assert.equal(rows.records, home.state.keys);
  assert.equal(rows.others, 0, 'reclaim rows');
}

/** From which all pages of a key are reached. */
function topPages(record: KeyRecord): number[] {
  if (record.kind !== 'string')
    return record.body.form === 'paged' ? record.body.roots.map(({ page }) => page).filter(Boolean) : [];
  const { value } = record;
  if (Buffer.isBuffer(value)) return [];
  return Array.from({ length: Math.ceil(value.bytes / value.chunkBytes) }, (_, i) => i + 1);
}
