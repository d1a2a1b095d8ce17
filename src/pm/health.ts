/**
 * How PM is: for gRPC's health service, for /healthz and /readyz, and as metrics.
 *
 * Healthy: it runs. Ready: it can answer, since it has read metadata once; without the store or a leader it goes on
 * answering reads, and says so.
 */
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { Verdict } from '../rpc/ops-http.js';
import type { Leadership } from './leader.js';
import type { Manager } from './manager.js';

export interface Health {
  health(): Verdict;
  ready(): Verdict;
  readonly metrics: Registry;
  /** From now on not ready: a drain has begun. */
  drain(): void;
}

export function healthOf(manager: Manager, leadership: Leadership): Health {
  let draining = false;
  return {
    health: () => ({ ok: true, reasons: [] }),
    ready: () => readiness(manager, leadership, draining),
    metrics: metricsOf(manager, leadership),
    drain: () => {
      draining = true;
    },
  };
}

function readiness(manager: Manager, leadership: Leadership, draining: boolean): Verdict {
  if (draining) return { ok: false, reasons: ['stopping'] };
  if (manager.catalog.state === undefined) return { ok: false, reasons: ['metadata not read yet'] };
  if (leadership.isLeading) return { ok: true, reasons: ['this PM leads'] };
  const other = leadership.otherLeader;
  return { ok: true, reasons: [other ? `the PM at ${other} leads` : 'no PM leads: reads only'] };
}

function metricsOf(manager: Manager, leadership: Leadership): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const gauge = (name: string, help: string, value: () => number): void => {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(value());
      },
    });
  };
  const state = (): Manager['catalog']['state'] => manager.catalog.state;
  gauge('talus_pm_leading', '1 while this PM leads', () => (leadership.isLeading ? 1 : 0));
  gauge('talus_pm_epoch', 'Epoch of the topology', () => state()?.cluster.epoch ?? 0);
  gauge('talus_pm_nodes', 'Registered nodes', () => state()?.nodes.length ?? 0);
  gauge('talus_pm_nodes_alive', 'Nodes with a session that reported lately', () => aliveNodes(manager));
  gauge('talus_pm_tables', 'Tables', () => state()?.tables.length ?? 0);
  gauge('talus_pm_slots', 'Slots of all tables', () => groupIds(manager).length);
  gauge(
    'talus_pm_slots_leaderless',
    'Slots of which no replica says that it leads',
    () => groupIds(manager).filter((groupId) => manager.fleet.leaderOf(groupId) === undefined).length,
  );
  return registry;
}

function aliveNodes(manager: Manager): number {
  const nodes = manager.catalog.state?.nodes ?? [];
  return nodes.filter((node) => manager.fleet.isAlive(node.nodeId)).length;
}

function groupIds(manager: Manager): readonly number[] {
  const tables = manager.catalog.state?.tables ?? [];
  return tables.flatMap((table) => table.groups.map((group) => group.groupId));
}
