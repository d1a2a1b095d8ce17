/**
 * Whose a data folder is, asked before anything in it is touched: another node's, another cluster's, a newer program's and an
 * older copy of the own one are refused.
 *
 * `identity.json` says which cluster and node the folder belongs to, under which name, and in which format it is written.
 * `boot.json` numbers the starts: raised durably before this process says a word to anyone. Whoever has seen a later start of this
 * node, or another one of the same number, knows that votes and acknowledgements are forgotten here. The placement manager keeps
 * the number, and all nodes have it with the topology.
 */
import { join } from 'node:path';
import type { Random } from '../random.js';
import type { Boot } from '../rpc/topology.js';
import type { Files } from '../storage/files.js';
import { readJson, writeJson } from './json-files.js';

/** Raised with any format in the folder that an earlier program can't read. Format 1 had no number. */
export const FOLDER_FORMAT = 2;

export const IDENTITY_FILE = 'identity.json';
export const BOOT_FILE = 'boot.json';
export const TOPOLOGY_FILE = 'topology.json';

export interface Identity {
  readonly clusterId: string;
  readonly nodeId: number;
}

interface StoredIdentity extends Identity {
  readonly format?: number;
  readonly name?: string;
}

export interface FolderFacts {
  /** Undefined: nobody's yet. */
  readonly identity: Identity | undefined;
  /** Of the last start. */
  readonly boot: Boot | undefined;
}

/** Reads only. Rejects with one sentence for the operator. */
export async function readDataFolder(files: Files, folder: string, name: string): Promise<FolderFacts> {
  const stored = await readJson<StoredIdentity>(files, IDENTITY_FILE);
  const boot = await readJson<Boot>(files, BOOT_FILE);
  if (stored === undefined) return { identity: undefined, boot };
  const { clusterId, nodeId, format = 1 } = stored;
  if (format !== FOLDER_FORMAT) {
    const whose = format > FOLDER_FORMAT ? 'a newer' : 'an older';
    throw new Error(
      `data-dir ${folder} is of format ${format}, this program reads format ${FOLDER_FORMAT}: ${whose} version of Talus wrote it`,
    );
  }
  if (stored.name !== undefined && stored.name !== name) {
    throw new Error(
      `data-dir ${folder} belongs to node ${stored.name} (id ${nodeId} of cluster ${clusterId}), this is ${name}: ` +
        `set another data-dir, or change the name in ${join(folder, IDENTITY_FILE)} if the node is to be renamed`,
    );
  }
  return { identity: { clusterId, nodeId }, boot };
}

/** As it is written. */
export function identityRow({ clusterId, nodeId }: Identity, name: string | undefined): StoredIdentity {
  return { format: FOLDER_FORMAT, clusterId, nodeId, ...(name !== undefined && { name }) };
}

/** A start of its own, durable when it resolves. */
export async function raiseBoot(files: Files, last: Boot | undefined, random: Random): Promise<Boot> {
  const id = Array.from({ length: 2 }, () => random.u32().toString(16).padStart(8, '0')).join('');
  const boot = { number: (last?.number ?? 0) + 1, id };
  await writeJson(files, BOOT_FILE, boot);
  return boot;
}
