/**
 * The admin API for those who call it from this project: the command line, tests. Several PMs may be named; one that cannot
 * be connected to is passed over. A call that may have reached a PM is never repeated by itself.
 */
import { status as grpcStatus } from '@grpc/grpc-js';
import type { Env } from '../env.js';
import {
  type AdminCluster,
  type AdminNode,
  type AdminSlot,
  type AdminTable,
  adminService,
  type CreateTableRequest,
  type TransferLeaderRequest,
  type TransferLeaderResponse,
  type UpdateTableRequest,
} from './admin-wire.js';
import type { Security } from './credentials.js';
import { callFailure, GrpcClient } from './grpc-client.js';

export interface AdminClientOptions {
  /** `host:port` of each PM. */
  readonly addresses: readonly string[];
  readonly security: Security;
  readonly env: Env;
  readonly timeoutMs?: number;
}

/** `code` is the name of a gRPC status. */
export class AdminError extends Error {
  override readonly name = 'AdminError';

  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

const CONNECT_FAILURE =
  /ECONNREFUSED|No connection established|Name resolution failed|EHOSTUNREACH|ENETUNREACH/;

export class AdminClient {
  private readonly clients: readonly GrpcClient[];

  constructor(private readonly options: AdminClientOptions) {
    const service = adminService();
    this.clients = options.addresses.map((address) => new GrpcClient(service, address, options.security));
  }

  getCluster(): Promise<AdminCluster> {
    return this.call('GetCluster', {});
  }

  async listNodes(): Promise<readonly AdminNode[]> {
    return (await this.call<{ nodes: readonly AdminNode[] }>('ListNodes', {})).nodes;
  }

  async listTables(): Promise<readonly AdminTable[]> {
    return (await this.call<{ tables: readonly AdminTable[] }>('ListTables', {})).tables;
  }

  async createTable(request: Partial<CreateTableRequest> & { readonly name: string }): Promise<AdminTable> {
    return (await this.call<{ table: AdminTable }>('CreateTable', request)).table;
  }

  async updateTable(request: UpdateTableRequest): Promise<AdminTable> {
    return (await this.call<{ table: AdminTable }>('UpdateTable', request)).table;
  }

  async dropTable(name: string): Promise<void> {
    await this.call('DropTable', { name });
  }

  async listSlots(table: string): Promise<readonly AdminSlot[]> {
    return (await this.call<{ slots: readonly AdminSlot[] }>('ListSlots', { table })).slots;
  }

  transferLeader(request: TransferLeaderRequest): Promise<TransferLeaderResponse> {
    return this.call('TransferLeader', request);
  }

  close(): void {
    for (const client of this.clients) client.close();
  }

  private async call<Response>(method: string, request: object): Promise<Response> {
    const { addresses, env, timeoutMs } = this.options;
    let last: AdminError | undefined;
    for (const [index, client] of this.clients.entries()) {
      try {
        return await client.unary<Response>(method, request, env.wallMs() + (timeoutMs ?? 10_000));
      } catch (error) {
        if (!isConnectFailure(error)) throw adminError(error);
        last = new AdminError('UNAVAILABLE', `no PM answers at ${addresses.slice(0, index + 1).join(', ')}`);
      }
    }
    throw last ?? new AdminError('INVALID_ARGUMENT', 'no PM address given');
  }
}

/** The call never left: nothing can have happened. */
function isConnectFailure(error: unknown): boolean {
  const isUnavailable = error instanceof Error && 'code' in error && error.code === grpcStatus.UNAVAILABLE;
  return isUnavailable && CONNECT_FAILURE.test(callFailure(error));
}

function adminError(error: unknown): AdminError {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : 2;
  return new AdminError(grpcStatus[code] ?? 'UNKNOWN', callFailure(error));
}
