/**
 * Equal replicas, byte for byte: what each node's engine holds of a group after a checkpoint, compared; and nothing else in it.
 */
import type { NodeSlot } from '../../../src/node/replicas.js';
import { metaKey, nodeAreaRange, parseNodeKey, stateRange } from '../../../src/slot/keys.js';
import type { Engine, EngineRange } from '../../../src/storage/engine.js';
import { sealedRows } from '../../../src/storage/sealed-engine.js';
import type { SimMachine } from '../sim-machine.js';
import type { World } from '../world.js';

const STATE_ID_BYTES = 4;
const GARBAGE_ROUNDS_MAX = 100;
const SHOWN_DIGITS = 80;
const SETTLE_US = 10_000_000;

/** Checkpoints everything, then compares. Resolves with the rows of each group, by hex key. */
export async function compareReplicas(
  world: World,
): Promise<ReadonlyMap<number, ReadonlyMap<string, string>>> {
  for (const machine of world.machines) await settle(world, checkpointAll(machine), 'a checkpoint');
  const groups = new Map<number, ReadonlyMap<string, string>>();
  for (const machine of world.machines) {
    for (const slot of machine.node!.replicas.all) {
      const rows = await settle(world, rowsOf(machine.engine, slot), 'a dump');
      const { groupId } = slot.birth;
      world.counted('pages compared', [...rows.keys()].filter(isPage).length);
      const before = groups.get(groupId);
      if (before === undefined) groups.set(groupId, rows);
      else mustEqual(groupId, before, rows, machine.number);
    }
    await settle(world, nothingElse(machine), 'a dump');
  }
  return groups;
}

/** By the first digits of its area (docs/key-layout.md). */
function isPage(hexKey: string): boolean {
  return hexKey >= '4000' && hexKey < '8000';
}

async function checkpointAll(machine: SimMachine): Promise<void> {
  const { checkpointer } = machine.node!;
  await checkpointer.round();
  // What was frozen before this call may be older than what is asked for.
  for (let round = 0; round < GARBAGE_ROUNDS_MAX; round++) {
    await checkpointer.round();
    const garbage = await read(machine.engine, nodeAreaRange('garbage'));
    const reclaiming = [...machine.node!.replicas.all].some(({ state }) => state.pages.mayHaveLeftovers);
    if (garbage.length === 0 && !reclaiming) return;
  }
  throw new Error(`machine ${machine.number}: garbage is never cleared`);
}

async function rowsOf(engine: Engine, slot: NodeSlot): Promise<Map<string, string>> {
  const { stateId } = slot.state;
  const rows = new Map<string, string>();
  for (const [key, value] of await read(engine, stateRange(stateId))) {
    // The meta also says how far this replica got and when: its own affair.
    if (!key.equals(metaKey(stateId)))
      rows.set(key.subarray(STATE_ID_BYTES).toString('hex'), value.toString('hex'));
  }
  return rows;
}

/** No row of a state that no replica has. */
async function nothingElse(machine: SimMachine): Promise<void> {
  const pointers = await read(machine.engine, nodeAreaRange('state'));
  const live = new Set(pointers.map(([, value]) => value.readUInt32BE()));
  const everything = { from: stateRange(1).from, to: Buffer.alloc(STATE_ID_BYTES + 1, 0xff) };
  for (const [key] of await read(machine.engine, everything)) {
    const stateId = key.readUInt32BE();
    if (!live.has(stateId))
      throw new Error(`machine ${machine.number}: a row of state ${stateId}, which nobody has`);
  }
  const known = new Set([...machine.node!.replicas.all].map((slot) => slot.replicaId));
  for (const [key] of pointers) {
    if (!known.has(parseNodeKey(key))) throw new Error(`machine ${machine.number}: a state of no replica`);
  }
}

async function read(engine: Engine, range: EngineRange): Promise<(readonly [Buffer, Buffer])[]> {
  const cursor = sealedRows(engine).iterate(range);
  const rows: (readonly [Buffer, Buffer])[] = [];
  for (let page = await cursor.next(10_000); page.length > 0; page = await cursor.next(10_000))
    rows.push(...page);
  await cursor.close();
  return rows;
}

function mustEqual(
  groupId: number,
  a: ReadonlyMap<string, string>,
  b: ReadonlyMap<string, string>,
  machine: number,
): void {
  for (const key of new Set([...a.keys(), ...b.keys()])) {
    if (a.get(key) === b.get(key)) continue;
    const text = JSON.stringify(Buffer.from(key, 'hex').toString('latin1'));
    const [there, here] = [a.get(key)?.slice(0, SHOWN_DIGITS), b.get(key)?.slice(0, SHOWN_DIGITS)];
    throw new Error(`group ${groupId}: ${text} is ${there} elsewhere, ${here} on machine ${machine}`);
  }
}

function settle<T>(world: World, promise: Promise<T>, what: string): Promise<T> {
  return world.scheduler.settle(promise, SETTLE_US, what);
}
