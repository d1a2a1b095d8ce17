/** What stopped nodes hold on their disks, as digests: equal replicas have equal ones. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { keyWithoutState, metaKey, nodeAreaRange, stateRange } from '../src/slot/keys.js';
import type { Engine, EngineRange } from '../src/storage/engine.js';
import { openLevelEngine } from '../src/storage/level-engine.js';
import { sealEngine } from '../src/storage/sealed-engine.js';

/** Of each state that a pointer names in the engine at `path`; there must be no row of another one. */
export async function digestsAt(path: string): Promise<readonly string[]> {
  const engine = await sealEngine(await openLevelEngine(path));
  try {
    const stateIds = (await read(engine, nodeAreaRange('state'))).map(([, value]) => value.readUInt32BE());
    const everything = { from: stateRange(1).from, to: Buffer.alloc(5, 0xff) };
    const strange = (await read(engine, everything)).filter(
      ([key]) => !stateIds.includes(key.readUInt32BE()),
    );
    assert.equal(strange.length, 0, 'no row of a state that no replica has');
    const digests: string[] = [];
    for (const stateId of stateIds) digests.push(await digestOf(engine, stateId));
    return digests;
  } finally {
    await engine.close();
  }
}

async function digestOf(engine: Engine, stateId: number): Promise<string> {
  const hash = createHash('sha1');
  for (const [key, value] of await read(engine, stateRange(stateId))) {
    // How far it got, and when, is each replica's own affair.
    if (!key.equals(metaKey(stateId))) hash.update(keyWithoutState(key)).update(value);
  }
  return hash.digest('hex');
}

async function read(engine: Engine, range: EngineRange): Promise<(readonly [Buffer, Buffer])[]> {
  const cursor = engine.iterate(range);
  const rows: (readonly [Buffer, Buffer])[] = [];
  for (let page = await cursor.next(1000); page.length > 0; page = await cursor.next(1000))
    rows.push(...page);
  await cursor.close();
  return rows;
}
