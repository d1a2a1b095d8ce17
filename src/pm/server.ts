/**
 * PM put together: store, manager, leadership, and the gRPC and HTTP ports. Everything is handed in but the ports, so that
 * a test runs the same parts on a store of its own.
 */
import { Server, type ServerCredentials } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { HealthImplementation } from 'grpc-health-check';
import type { Env } from '../env.js';
import { hashPassword } from '../password.js';
import { ADMIN_SERVICE, loadAdminProto } from '../rpc/admin-wire.js';
import { hostPort, isLoopback, requireSafeListen, type Security } from '../rpc/credentials.js';
import { MESSAGE_BYTES_MAX } from '../rpc/grpc-client.js';
import { type OpsHttp, startOpsHttp } from '../rpc/ops-http.js';
import { loadPlacementProto } from '../rpc/placement-wire.js';
import { loadProto, serviceDefinition } from '../rpc/proto.js';
import { adminHandlers } from './admin-service.js';
import { Calls } from './calls.js';
import type { PmConfig } from './config.js';
import { type Health, healthOf } from './health.js';
import { Leadership } from './leader.js';
import { Manager } from './manager.js';
import { placementHandlers } from './placement-service.js';
import type { MetadataStore } from './store.js';

export interface PmParts {
  readonly store: MetadataStore;
  readonly env: Env;
  readonly security: Security;
}

export interface Pm {
  readonly manager: Manager;
  readonly leadership: Leadership;
  /** As bound; of interest when the config says 0. */
  readonly port: number;
  readonly httpPort: number;
  /** Leadership given up, sessions ended, ports and store closed. */
  close(): Promise<void>;
}

const PLACEMENT_SERVICE = 'talus.placement.v1.PlacementService';
const STOP_TIMEOUT_MS = 2000;
const SERVER_OPTIONS = {
  'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
  'grpc.max_send_message_length': MESSAGE_BYTES_MAX,
  'grpc.keepalive_time_ms': 5000,
  'grpc.keepalive_timeout_ms': 3000,
};

/** Rejects with an Error of one line when a port cannot be had. The store is closed by Pm.close, also when this rejects. */
export async function startPmServer(config: PmConfig, parts: PmParts): Promise<Pm> {
  requireSafeListen(parts.security, config.host, 'the gRPC port of PM');
  const server = new Server(SERVER_OPTIONS);
  const port = await bind(server, config, parts.security.serverCredentials);
  const { manager, leadership } = joinManager(config, parts, config.advertise ?? hostPort(config.host, port));
  const health = healthOf(manager, leadership);
  const calls = addServices(server, config, parts, manager, leadership);
  const httpPort = config.httpPort ?? (config.port === 0 ? 0 : port + 1);
  const http = await startOpsHttp({ host: config.host, port: httpPort, ...health }).catch(
    async (error: unknown) => {
      server.forceShutdown();
      manager.close();
      await leadership.resign();
      throw portError(`${hostPort(config.host, httpPort)} (http-port)`, error);
    },
  );
  return {
    manager,
    leadership,
    port,
    httpPort: http.port,
    close: () => stop(server, http, health, calls, { manager, leadership, parts }),
  };
}

function joinManager(
  config: PmConfig,
  { store, env }: PmParts,
  address: string,
): { readonly manager: Manager; readonly leadership: Leadership } {
  // Each needs the other, but not before both are there: the store never calls back at once.
  const joined: { leadership?: Leadership } = {};
  const manager = new Manager({
    store,
    env,
    hashPassword,
    fence: () => joined.leadership?.fence(),
    bootstrapNodes: config.bootstrapNodes,
    defaultTable: {
      slots: config.defaultTableSlots,
      replicas: config.defaultTableReplicas,
      ...(config.defaultTablePassword === undefined ? {} : { password: config.defaultTablePassword }),
    },
    balanceLeaders: config.balanceLeaders,
    preferredLeader: config.preferredLeader,
  });
  const leadership = new Leadership({
    store,
    env,
    address,
    begin: () => manager.catalog.begin(),
    onChange: () => {
      const other = leadership.otherLeader;
      if (other !== undefined) manager.fleet.endAll(`the PM at ${other} leads`);
    },
  });
  joined.leadership = leadership;
  return { manager, leadership };
}

function addServices(
  server: Server,
  config: PmConfig,
  { env, security }: PmParts,
  manager: Manager,
  leadership: Leadership,
): readonly Calls[] {
  const [adminProto, placementProto] = [loadAdminProto(), loadPlacementProto()];
  const otherLeader = (): string | undefined => leadership.otherLeader;
  const service = serviceDefinition(adminProto, ADMIN_SERVICE);
  const tokenRequired = config.adminTokenRequired || !isLoopback(config.host);
  const admin = new Calls({ service, security, env, tokenRequired, otherLeader });
  server.addService(service, adminHandlers(manager, admin));
  const placementDefinition = serviceDefinition(placementProto, PLACEMENT_SERVICE);
  const placement = new Calls({
    service: placementDefinition,
    security,
    env,
    tokenRequired: true,
    otherLeader,
  });
  server.addService(placementDefinition, placementHandlers({ manager, calls: placement, otherLeader }));
  const serving = { '': 'SERVING', [ADMIN_SERVICE]: 'SERVING', [PLACEMENT_SERVICE]: 'SERVING' } as const;
  new HealthImplementation(serving).addToServer(server);
  const described = { ...adminProto, ...placementProto, ...loadProto('grpc/health/v1/health.proto') };
  new ReflectionService(described).addToServer(server);
  return [admin, placement];
}

function bind(server: Server, config: PmConfig, credentials: ServerCredentials): Promise<number> {
  const address = hostPort(config.host, config.port);
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => {
      if (error) reject(portError(`${address} (port)`, error));
      else resolve(port);
    });
  });
}

async function stop(
  server: Server,
  http: OpsHttp,
  health: Health,
  calls: readonly Calls[],
  { manager, leadership, parts }: { manager: Manager; leadership: Leadership; parts: PmParts },
): Promise<void> {
  health.drain();
  await leadership
    .resign()
    .catch((error: unknown) => parts.env.log.warn('could not resign', { why: String(error) }));
  manager.close();
  await shutDown(server, parts.env);
  for (const channel of calls) channel.close();
  await http.close();
  await parts.store.close();
}

/** Calls under way may end; what has not after a while is cut. */
function shutDown(server: Server, env: Env): Promise<void> {
  return new Promise((resolve) => {
    const timer = env.after(STOP_TIMEOUT_MS, () => server.forceShutdown());
    server.tryShutdown(() => {
      timer.cancel();
      resolve();
    });
  });
}

function portError(where: string, error: unknown): Error {
  const message = error instanceof Error ? error.message : String(error);
  const why = message.includes('EADDRINUSE')
    ? 'is in use by another process'
    : `cannot be listened on: ${message}`;
  return new Error(`${where} ${why}`);
}
