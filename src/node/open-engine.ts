/**
 * Opens a node's engine, or puts it aside and begins a fresh one.
 *
 * An engine that is damaged anywhere is given up whole: LevelDB would carry a bad block along, and trip over it at its next
 * compaction. Nothing more needs to be said of its replicas: a fresh engine holds no state, so the binlog finds those damaged whose
 * log no longer reaches back to its beginning, and replays the others.
 * A slot whose only copy is in that engine can't be rebuilt: then nothing is moved, and the node doesn't start.
 */

import type { Topology } from '../rpc/topology.js';
import { readStoredStates, type StoredStates } from '../slot/states.js';
import { isDamage } from '../storage/damage.js';
import type { Engine } from '../storage/engine.js';
import { sealEngine } from '../storage/sealed-engine.js';
import { DamageNotes, loneGroups } from './damaged-replicas.js';
import { IDENTITY_FILE, type Identity, TOPOLOGY_FILE } from './data-folder.js';
import { readJson } from './json-files.js';
import type { NodeWorld } from './node.js';
import { TopologyView } from './topology.js';

export interface OpenedEngine {
  readonly engine: Engine;
  readonly states: StoredStates;
  /** What the node met while it ran, the last time. */
  readonly notes: DamageNotes;
}

export async function openNodeEngine(world: NodeWorld): Promise<OpenedEngine> {
  const notes = new DamageNotes(world.files);
  await notes.load();
  return { ...(await openOrRenew(world)), notes };
}

async function openOrRenew(world: NodeWorld): Promise<Omit<OpenedEngine, 'notes'>> {
  try {
    return await openAndRead(() => world.openEngine());
  } catch (why) {
    if (!isDamage(why) || world.renewEngine === undefined) throw why;
    await refuseLastCopies(world, why);
    const { renewEngine } = world;
    world.env.log.error('the engine is damaged; a fresh one takes its place', { damage: why.message });
    return openAndRead(() => renewEngine());
  }
}

async function openAndRead(open: () => Promise<Engine>): Promise<Omit<OpenedEngine, 'notes'>> {
  const raw = await open();
  try {
    const engine = await sealEngine(raw);
    return { engine, states: await readStoredStates(engine) };
  } catch (why) {
    await raw.close();
    throw why;
  }
}

async function refuseLastCopies({ files }: NodeWorld, why: Error): Promise<void> {
  const identity = await readJson<Identity>(files, IDENTITY_FILE);
  const topology = await readJson<Topology>(files, TOPOLOGY_FILE);
  if (identity === undefined || topology === undefined) return;
  const lone = loneGroups(new TopologyView(topology), identity.nodeId);
  const [first] = lone;
  if (first === undefined) return;
  throw new Error(
    `the engine is damaged (${why.message}), and ${lone.length} slots have their only copy in it, ` +
      `${first.slot} of table ${first.table.name} first: nothing was changed. Bring the file back, or move the folder engine away ` +
      'to go on without them',
  );
}
