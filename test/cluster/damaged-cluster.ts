/**
 * Three real nodes with data in many small files, one of which is stopped, damaged and started again: it must say what is wrong, be
 * rebuilt under other identities, and hold in the end what the others hold, everything that was acknowledged in it.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { readdir, readFile, truncate, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { signal, waitUntil } from '../../jepsen-style/processes.js';
import type { RespClient } from '../../jepsen-style/resp-client.js';
import { run } from './processes.js';
import { TALUS, TalusCluster } from './talus-cluster.js';

const SLOTS = 4;
const KEYS_A_ROUND = 150;
const WAIT_MS_MAX = 120_000;
const CHECKPOINT_MS = 200;
const POLL_MS = 300;
const BATCHES_MIN = 8;

interface StatusSlot {
  readonly asWished: boolean;
  readonly leaderNodeId: number;
  readonly replicas: readonly { readonly damaged: string }[];
}

/** One line of the matrix. */
export interface Harm {
  readonly what: string;
  /** Below the node's folder: the last file that fits. */
  readonly file: RegExp;
  readonly folder: 'binlog' | 'engine';
  readonly which?: 'first' | 'middle' | 'last';
  readonly how: (file: string) => Promise<void>;
  /** In the node's log. */
  readonly said: RegExp;
}

export const flipAt = (share: number) => (file: string) =>
  edit(file, (bytes) => {
    bytes[Math.floor(usedOf(bytes) * share)]! ^= 0x20;
  });

export const zeroPageAt = (share: number) => (file: string) =>
  edit(file, (bytes) => {
    const at = Math.floor((usedOf(bytes) * share) / 4096) * 4096;
    bytes.fill(0, at, Math.min(at + 4096, bytes.length));
  });

export const cutAt = (share: number) => async (file: string) =>
  truncate(file, Math.floor(usedOf(await readFile(file)) * share));

export const remove = (file: string): Promise<void> => unlink(file);

/** Files are filled with zeros ahead of their end. */
function usedOf(bytes: Buffer): number {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return end;
}

async function edit(file: string, change: (bytes: Buffer) => void): Promise<void> {
  const bytes = await readFile(file);
  change(bytes);
  await writeFile(file, bytes);
}

export class DamagedCluster {
  static async start(): Promise<DamagedCluster> {
    const cluster = await TalusCluster.start({
      args: ['--slots', `${SLOTS}`],
      environment: {
        TALUS_SEGMENT_BYTES: '65536',
        TALUS_LOG_TAIL_BYTES: '1024',
        TALUS_CHECKPOINT_INTERVAL_MS: `${CHECKPOINT_MS}`,
        // So that the log is compacted, and an engine that is gone can't be replayed.
        TALUS_BINLOG_BYTES_MAX: `${1 << 20}`,
        TALUS_LOG_MEMORY_BYTES_MAX: '1024',
      },
    });
    const damaged = new DamagedCluster(cluster);
    for (let round = 0; round < 12; round++) await damaged.write();
    return damaged;
  }

  private readonly acknowledged = new Map<string, string>();
  private rounds = 0;

  constructor(readonly cluster: TalusCluster) {}

  /** Stops the node, harms it, starts it, and waits until all is well again. */
  async assertRebuilt(node: number, harm: Harm): Promise<void> {
    if (harm.folder === 'engine') await this.makeTables(node);
    // Each in a checkpoint of its own.
    for (let round = 0; round < 4; round++) {
      await this.write();
      await sleep(CHECKPOINT_MS * 2);
    }
    if (harm.folder === 'binlog' && harm.which === 'last') await this.lengthenNewest(node);
    await this.kill(node);
    await harm.how(await this.fileOf(node, harm));
    await this.write(node);
    const from = this.logSize(node);
    this.cluster.startAgain(`node-${node}`);
    const log = (): string => readFileSync(this.logFile(node)).subarray(from).toString();
    assert.ok(await waitUntil(() => harm.said.test(log()), WAIT_MS_MAX), `not said: ${log().slice(0, 4000)}`);
    await this.untilHealed(node);
    await this.write();
    for (const each of [1, 2, 3]) await this.assertHolds(each);
  }

  /** LevelDB makes tables of its log when it opens. */
  private async makeTables(node: number): Promise<void> {
    await this.kill(node);
    this.cluster.startAgain(`node-${node}`);
    await this.untilHealed(node);
  }

  /** Harm to a last batch is not told from one torn by a crash: so the newest segment gets some that follow its middle. */
  private async lengthenNewest(node: number): Promise<void> {
    const client = await this.cluster.connect(1, WAIT_MS_MAX);
    let before = '';
    for (let name = await this.newestSegment(node); name !== before; name = await this.newestSegment(node)) {
      before = name;
      for (let batch = 0; batch < BATCHES_MIN; batch++) await this.set(client, `batch ${batch}`, name);
      await sleep(CHECKPOINT_MS * 2);
    }
    client.close();
  }

  private async newestSegment(node: number): Promise<string> {
    const names = await readdir(join(this.folderOf(node), 'binlog'));
    return names.sort().at(-1)!;
  }

  async kill(node: number): Promise<void> {
    const pid = this.cluster.pidOf(`node-${node}`);
    signal(pid, 'SIGKILL');
    await waitUntil(() => !this.cluster.processes().includes(pid), WAIT_MS_MAX);
  }

  /** Members as wished, nobody damaged, everybody with all keys. */
  async untilHealed(node: number): Promise<void> {
    let last = '';
    const isHealed = async (): Promise<boolean> => {
      const slots = await this.slots();
      const keys = await Promise.all([1, 2, 3].map((each) => this.cluster.metric(each, 'talus_keys')));
      last = JSON.stringify({ slots, keys, acknowledged: this.acknowledged.size });
      return (
        slots.every(
          ({ asWished, replicas }) => asWished && replicas.every(({ damaged }) => damaged === ''),
        ) && keys.every((count) => count === this.acknowledged.size)
      );
    };
    const healed = await waitUntil(() => isHealed().catch(() => false), WAIT_MS_MAX, POLL_MS);
    assert.ok(healed, `node ${node} is not rebuilt: ${last}`);
    assert.equal(await this.cluster.metric(node, 'talus_replicas_damaged'), 0);
  }

  /** Writes that must be acknowledged, through the first node that is not `but`. */
  async write(but = 0): Promise<void> {
    const client = await this.cluster.connect(but === 1 ? 2 : 1, 30_000);
    const round = ++this.rounds;
    const value = `${round} `.repeat(120);
    const keys = Array.from({ length: KEYS_A_ROUND }, (_, i) =>
      i % 3 === 0 ? `shared ${i}` : `${round}/${i}`,
    );
    await Promise.all(keys.map((key) => this.set(client, key, value)));
    client.close();
  }

  private async set(client: RespClient, key: string, value: string): Promise<void> {
    for (;;) {
      const outcome = await client.call('SET', key, value);
      if (outcome.kind === 'ok') break;
      // While a slot elects another leader.
      assert.match(outcome.error, /CLUSTERDOWN|TRYAGAIN|UNCERTAIN/);
    }
    this.acknowledged.set(key, value);
  }

  /** Of its own replicas, leader or not. */
  async assertHolds(node: number): Promise<void> {
    const client: RespClient = await this.cluster.connect(node, 30_000);
    await client.call('READONLY');
    const wrong: string[] = [];
    const look = async ([key, value]: readonly [string, string]): Promise<void> => {
      const outcome = await client.call('GET', key);
      const found = outcome.kind === 'ok' && outcome.reply.kind === 'bulk' && outcome.reply.text === value;
      if (!found) wrong.push(`${key}: ${JSON.stringify(outcome).slice(0, 100)}`);
    };
    await Promise.all([...this.acknowledged].map(look));
    client.close();
    assert.deepEqual(wrong, [], `of node ${node}`);
  }

  async slots(): Promise<readonly StatusSlot[]> {
    const outcome = await this.talus('status', '--json', '--pm', this.cluster.pmAddress);
    return JSON.parse(outcome).tables[0].slots as readonly StatusSlot[];
  }

  async talus(...words: readonly string[]): Promise<string> {
    const outcome = await run(process.execPath, [TALUS, ...words]);
    assert.deepEqual([outcome.code, outcome.stderr], [0, '']);
    return outcome.stdout;
  }

  folderOf(node: number): string {
    return join(this.cluster.dataDir, `node-${node}`);
  }

  private async fileOf(node: number, { folder, file, which = 'last' }: Harm): Promise<string> {
    const path = join(this.folderOf(node), folder);
    const names = (await readdir(path)).filter((name) => file.test(name)).sort();
    assert.ok(names.length > (which === 'middle' ? 2 : 0), `${file} in ${path}: ${names}`);
    const at = which === 'first' ? 0 : which === 'last' ? names.length - 1 : Math.floor(names.length / 2);
    return join(path, names[at]!);
  }

  private logFile(node: number): string {
    return join(this.folderOf(node), 'log');
  }

  private logSize(node: number): number {
    return existsSync(this.logFile(node)) ? statSync(this.logFile(node)).size : 0;
  }
}
