/**
 * Before a node process touches its data folder: is the folder this node's, and does PM know it as such?
 *
 * Every refusal comes before a byte is written: neither log nor pid file, nor the end of a torn binlog. Without PM the folder's own
 * word must do; peers and PM are told which start it is, and speak up later.
 */
import { silentLog } from '../env.js';
import { refuseLiveOwner } from '../process.js';
import { securityOf } from '../rpc/credentials.js';
import { placementRefusal } from '../rpc/placement-check.js';
import type { NodeAddress } from '../rpc/placement-wire.js';
import { nodeFiles } from '../storage/node-files.js';
import { systemEnv } from '../system-env.js';
import type { NodeConfig } from './config.js';
import { type FolderFacts, readDataFolder } from './data-folder.js';
import { REGISTRATION_FILE, readJson } from './json-files.js';

export interface Ports {
  readonly resp: number;
  readonly cluster: number;
  readonly peer: number;
  readonly http: number;
}

export function portsOf({ port, clusterPort, peerPort, httpPort }: NodeConfig): Ports {
  return {
    resp: port,
    cluster: clusterPort ?? port + 100,
    peer: peerPort ?? port + 200,
    http: httpPort ?? port + 400,
  };
}

/** As PM tells it to everybody. */
export function addressOf(config: NodeConfig): NodeAddress {
  const ports = portsOf(config);
  return {
    name: config.name,
    host: config.advertiseHost ?? config.host,
    peerPort: config.advertisePeerPort ?? ports.peer,
    respPort: ports.resp,
    clusterPort: ports.cluster,
    httpPort: ports.http,
    zone: config.zone,
    ...(config.machine === '' ? {} : { machine: config.machine }),
  };
}

/** Rejects with one sentence for the operator. */
export async function admitDataFolder(config: NodeConfig, address: NodeAddress): Promise<FolderFacts> {
  const { dataDir, name, pm } = config;
  refuseLiveOwner(dataDir);
  const files = nodeFiles(dataDir);
  const facts = await readDataFolder(files, dataDir, name).catch(orNoFolder);
  const { identity, boot = { number: 0, id: '' } } = facts;
  if (identity === undefined) return facts;
  const registration = await readJson<{ readonly key: string }>(files, REGISTRATION_FILE);
  const asker = { addresses: pm, security: securityOf(config), env: systemEnv(silentLog) };
  const registrationKey = registration?.key ?? '';
  const why = await placementRefusal(asker, { registrationKey, ...identity, address, boot });
  if (why === undefined) return facts;
  throw new Error(
    `data-dir ${dataDir} (node id ${identity.nodeId} of cluster ${identity.clusterId}) is refused by the placement manager: ${why}`,
  );
}

/** Whoever opens it says what is wrong with the path. */
function orNoFolder(why: NodeJS.ErrnoException): FolderFacts {
  if (why.code !== 'ENOTDIR') throw why;
  return { identity: undefined, boot: undefined };
}
