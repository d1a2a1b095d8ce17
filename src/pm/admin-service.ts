/**
 * talus.admin.v1.AdminService over the manager.
 */
import type { UntypedServiceImplementation } from '@grpc/grpc-js';
import type {
  AdminCluster,
  AdminTable,
  CreateTableRequest,
  TransferLeaderRequest,
  TransferLeaderResponse,
  UpdateTableRequest,
} from '../rpc/admin-wire.js';
import type { Calls } from './calls.js';
import { PmError } from './errors.js';
import type { Manager } from './manager.js';
import { tableNamed } from './model.js';
import { clusterView, nodeViews, slotViews, tableView } from './views.js';

const READ = { isRead: true };
const WRITE = { isRead: false };

export function adminHandlers(manager: Manager, calls: Calls): UntypedServiceImplementation {
  const { fleet } = manager;
  return {
    GetCluster: calls.unary('GetCluster', READ, (): AdminCluster => clusterView(manager.state(), fleet)),
    ListNodes: calls.unary('ListNodes', READ, () => ({ nodes: nodeViews(manager.state(), fleet) })),
    ListTables: calls.unary('ListTables', READ, () => ({ tables: manager.state().tables.map(tableView) })),
    ListSlots: calls.unary('ListSlots', READ, ({ table: name }: { table: string }) => {
      const table = tableNamed(manager.state(), name);
      if (!table) throw new PmError('NOT_FOUND', `there is no table ${JSON.stringify(name)}`);
      return { slots: slotViews(table, fleet) };
    }),
    CreateTable: calls.unary('CreateTable', WRITE, (request: CreateTableRequest) => create(manager, request)),
    UpdateTable: calls.unary('UpdateTable', WRITE, async ({ name, replicas }: UpdateTableRequest) => {
      const state = await manager.setReplicas(name, replicas);
      return { table: tableView(tableNamed(state, name)!) };
    }),
    DropTable: calls.unary('DropTable', WRITE, async ({ name }: { name: string }) => {
      await manager.dropTable(name);
      return {};
    }),
    TransferLeader: calls.unary('TransferLeader', WRITE, (request: TransferLeaderRequest) =>
      transfer(manager, request),
    ),
  };
}

async function create(manager: Manager, request: CreateTableRequest): Promise<{ table: AdminTable }> {
  const state = await manager.createTable({
    name: request.name,
    mode: request.mode === 'TABLE_MODE_ASYNC' ? 'async' : 'quorum',
    ...(request.slots === 0 ? {} : { slots: request.slots }),
    ...(request.replicas === 0 ? {} : { replicas: request.replicas }),
    ...(request.password === '' ? {} : { password: request.password }),
  });
  return { table: tableView(tableNamed(state, request.name)!) };
}

async function transfer(manager: Manager, request: TransferLeaderRequest): Promise<TransferLeaderResponse> {
  const { fromNodeId } = await manager.transferLeader(request.table, request.slot, request.toNodeId);
  return { fromNodeId, toNodeId: request.toNodeId };
}
