/**
 * A PM process: its folder and store around the server, and how it starts and stops.
 *
 * What the operator got wrong (a port in use, a folder that cannot be written, a bad option) rejects with an Error of one
 * line. Trouble that passes, such as etcd being away, is waited out.
 */
import { join } from 'node:path';
import type { Env } from '../env.js';
import { openProcessFolder, type ProcessFolder, stopSignal } from '../process.js';
import { type Security, securityOf } from '../rpc/credentials.js';
import { systemEnv } from '../system-env.js';
import type { PmConfig } from './config.js';
import { EmbeddedStore } from './embedded-store.js';
import { EtcdStore } from './etcd-store.js';
import { type Pm, startPmServer } from './server.js';
import type { MetadataStore } from './store.js';

/** Resolves when the ports are open. */
export async function startPm(config: PmConfig): Promise<Pm> {
  const security = securityOf(config);
  const { dataDir, logTo, logLevel } = config;
  const folder = await openProcessFolder({ dataDir, logTo, logLevel, process: 'pm' });
  try {
    return await startIn(folder, config, security);
  } catch (error) {
    await folder.close();
    throw error;
  }
}

/** Runs until SIGTERM or SIGINT; a second signal ends the wait for a graceful stop. */
export async function runPm(config: PmConfig): Promise<void> {
  // Before the start: a signal that comes in the middle of it must not leave a pid file.
  const stopped = stopSignal();
  const pm = await startPm(config);
  await stopped;
  await pm.close();
}

async function startIn(folder: ProcessFolder, config: PmConfig, security: Security): Promise<Pm> {
  const env = systemEnv(folder.log);
  const store = await openStore(config, env);
  const pm = await startPmServer(config, { store, env, security }).catch(async (error: unknown) => {
    await store.close();
    throw error;
  });
  env.log.info('PM started', {
    port: pm.port,
    httpPort: pm.httpPort,
    metadata: config.metadata.split(':')[0],
  });
  return {
    ...pm,
    close: async () => {
      env.log.info('PM stops');
      await pm.close();
      await folder.close();
    },
  };
}

async function openStore(config: PmConfig, env: Env): Promise<MetadataStore> {
  if (config.metadata === 'embedded') return EmbeddedStore.open(join(config.dataDir, 'metadata'), env);
  const { hosts, prefix } = parseEtcdUrl(config.metadata);
  return new EtcdStore({
    hosts,
    prefix,
    env,
    ...(config.etcdUsername === undefined ? {} : { username: config.etcdUsername }),
    ...(config.etcdPassword === undefined ? {} : { password: config.etcdPassword }),
  });
}

/** `etcd://a:2379,b:2379/prefix`; `etcds` for TLS with publicly signed certificates; prefix `/talus/` when absent. */
export function parseEtcdUrl(url: string): { readonly hosts: readonly string[]; readonly prefix: string } {
  const [scheme, rest] = url.split('://') as [string, string];
  const slash = rest.indexOf('/');
  const names = slash < 0 ? rest : rest.slice(0, slash);
  const path = slash < 0 ? '' : rest.slice(slash).replace(/\/+$/, '');
  const protocol = scheme === 'etcds' ? 'https' : 'http';
  return { hosts: names.split(',').map((name) => `${protocol}://${name}`), prefix: `${path || '/talus'}/` };
}
