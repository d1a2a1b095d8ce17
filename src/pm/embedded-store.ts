/**
 * The store for one PM on one machine: a LevelDB folder, every transaction one synced batch. The whole map is small
 * (nodes and tables), is read at opening and lives in memory; the disk is only ever written.
 *
 * Transactions run one after another. LevelDB locks its folder, so a second PM on the same one is refused at opening;
 * hence the only candidate is elected at once. Its leader key still bears a new revision each time, as in etcd.
 */
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ClassicLevel } from 'classic-level';
import type { Env } from '../env.js';
import { RevisionedMap } from './revisioned-map.js';
import {
  type Campaign,
  type CampaignHandlers,
  LEADER_KEY,
  type MetadataStore,
  type StoreChange,
  type StoreCompare,
  StoreError,
  type StoreRecord,
  type StoreView,
  type StoreWrite,
  type TxnResult,
  type Watch,
  type WatchHandlers,
} from './store.js';
import { WatchList } from './watch-list.js';

const REVISION_KEY = '!revision';
const RECORD_PREFIX = '=';

interface StoredRecord {
  readonly value: string;
  readonly revision: number;
}

export class EmbeddedStore implements MetadataStore {
  private readonly watches: WatchList;
  private tail: Promise<unknown> = Promise.resolve();
  private failed: string | undefined;
  private campaigning = false;

  private constructor(
    private readonly database: ClassicLevel<string, string>,
    private readonly map: RevisionedMap,
    private readonly env: Env,
  ) {
    this.watches = new WatchList(env);
  }

  static async open(folder: string, env: Env): Promise<EmbeddedStore> {
    const database = new ClassicLevel<string, string>(folder);
    try {
      await database.open();
    } catch (error) {
      throw new StoreError(openingMessage(folder, error));
    }
    await makeDurable(database, folder);
    return new EmbeddedStore(database, await readAll(database), env);
  }

  async get(key: string): Promise<StoreRecord | undefined> {
    return this.map.get(key);
  }

  async list(prefix: string): Promise<StoreView> {
    return this.map.list(prefix);
  }

  txn(compares: readonly StoreCompare[], writes: readonly StoreWrite[]): Promise<TxnResult> {
    const result = this.tail.then(() => this.runTxn(compares, writes));
    this.tail = result.catch(() => undefined);
    return result;
  }

  watch(prefix: string, handlers: WatchHandlers): Watch {
    return this.watches.add(prefix, this.map.list(prefix), handlers);
  }

  campaign(candidate: string, handlers: CampaignHandlers): Campaign {
    this.campaigning = true;
    void this.elect(candidate, handlers);
    return {
      resign: async () => {
        this.campaigning = false;
        const held = this.map.get(LEADER_KEY);
        if (held) await this.txn([held], [{ kind: 'delete', key: LEADER_KEY }]);
      },
    };
  }

  async close(): Promise<void> {
    this.watches.clear();
    await this.tail;
    await this.database.close();
  }

  private async elect(candidate: string, handlers: CampaignHandlers): Promise<void> {
    try {
      const result = await this.txn([], [{ kind: 'put', key: LEADER_KEY, value: candidate }]);
      if (!this.campaigning || result.kind === 'conflict') return;
      handlers.onLeader(candidate);
      handlers.onElected({ key: LEADER_KEY, revision: result.revision });
    } catch (error) {
      handlers.onLost(String(error));
    }
  }

  private async runTxn(compares: readonly StoreCompare[], writes: readonly StoreWrite[]): Promise<TxnResult> {
    // After a failed write the disk may or may not have it: only a reopening can tell.
    if (this.failed !== undefined) throw new StoreError(this.failed);
    if (!this.map.holds(compares)) return { kind: 'conflict' };
    const changes = this.map.plan(writes);
    if (changes.length > 0) await this.save(changes);
    this.map.apply(changes);
    this.watches.tell(changes);
    return { kind: 'committed', revision: this.map.revision };
  }

  private async save(changes: readonly StoreChange[]): Promise<void> {
    const batch = this.database.batch();
    batch.put(REVISION_KEY, String(this.map.revision + 1));
    for (const change of changes) {
      if (change.kind === 'delete') batch.del(RECORD_PREFIX + change.key);
      else batch.put(RECORD_PREFIX + change.record.key, encodeRecord(change.record));
    }
    try {
      await batch.write({ sync: true });
    } catch (error) {
      this.failed = `metadata could not be written, restart PM when the disk is well: ${String(error)}`;
      this.env.log.error(this.failed);
      throw new StoreError(this.failed);
    }
  }
}

function encodeRecord(record: StoreRecord): string {
  return JSON.stringify({ value: record.value, revision: record.revision } satisfies StoredRecord);
}

/** A database just made may fail to open after a power cut unless something was synced, and its folder's name with it. */
async function makeDurable(database: ClassicLevel<string, string>, folder: string): Promise<void> {
  if ((await database.get(REVISION_KEY)) !== undefined) return;
  await database.put(REVISION_KEY, '0', { sync: true });
  for (const path of [folder, dirname(folder)]) {
    const handle = await open(path, 'r');
    await handle.sync();
    await handle.close();
  }
}

async function readAll(database: ClassicLevel<string, string>): Promise<RevisionedMap> {
  const revision = Number((await database.get(REVISION_KEY)) ?? 0);
  const records: StoreRecord[] = [];
  for await (const [key, text] of database.iterator({ gte: RECORD_PREFIX, lt: '>' })) {
    const stored = JSON.parse(text) as StoredRecord;
    records.push({ key: key.slice(RECORD_PREFIX.length), value: stored.value, revision: stored.revision });
  }
  return new RevisionedMap(revision, records);
}

function openingMessage(folder: string, error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (cause instanceof Error && 'code' in cause && cause.code === 'LEVEL_LOCKED') {
    return `${folder} is in use by another process`;
  }
  return `${folder} could not be opened: ${cause instanceof Error ? cause.message : String(cause)}`;
}
