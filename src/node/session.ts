/**
 * One client connection's state, and the road of each of its requests: gate, permission, then local or to the router.
 *
 * On the plain port any node takes any key. On the cluster port a key led elsewhere is answered MOVED, keys must share
 * one hash slot, and commands without keys speak of the slots led here: what Redis Cluster clients expect.
 */
import type { Args, CommandRow, LocalRow } from '../commands/command.js';
import { runLocal } from '../commands/local.js';
import type { NodeView, Session, TableView } from '../commands/session.js';
import { findRow, gate, isLocal, isWrite, keysOf, refusal } from '../commands/table.js';
import type { Connection, RequestHandler } from '../resp/connection.js';
import { array, bulk, EMPTY_ARRAY, error, OK, type Reply } from '../resp/reply.js';
import { isLoopback } from '../rpc/credentials.js';
import { DEFAULT_TABLE_ID, type TableInfo } from '../rpc/topology.js';
import type { CommandGroup } from '../slot/entry.js';
import { hash14 } from '../slot/hash.js';
import type { Access } from './access.js';
import {
  CROSS_SLOT,
  NO_PASSWORD_SET,
  NO_TABLE,
  NOT_AUTHENTICATED,
  replyTo,
  STARTING,
  WRONG_PASSWORD,
  withoutTable,
} from './answers.js';
import { clientLine } from './client-line.js';
import { clusterTableView } from './cluster-view.js';
import type { Leaders } from './leaders.js';
import type { RouteOutcome, Router, RouterSession } from './router.js';
import { foundNone, fromStart, merge, type Plan, planOf, scanReply } from './scatter.js';
import type { TopologyView } from './topology.js';
import { countAcks } from './waits.js';

/** What a session needs of its node. */
export interface SessionHost {
  readonly router: Router;
  readonly leaders: Leaders;
  readonly access: Access;
  readonly view: NodeView;
  readonly nodeId: number;
  /** Makes session names unique through restarts. */
  readonly incarnation: string;
  topology(): TopologyView;
  members(groupId: number): readonly number[];
  isReachable(nodeId: number): boolean;
  wallMs(): number;
  monotonicMs(): number;
}

export type Port = 'plain' | 'cluster';

type Answer = (reply: Reply | undefined) => void;

const DEFAULT_TABLE = 'default';
const SCAN_ENDED = array([bulk('0'), EMPTY_ARRAY]);
/** Slots that one SCAN call may find empty before it answers with no keys. */
const EMPTY_SCAN_SLOTS_MAX = 64;

export class ClientSession implements Session, RequestHandler {
  name = '';
  libName = '';
  libVersion = '';
  readsHere = false;
  /** By id: a table made again under the name of a dropped one is another table. */
  private tableId = DEFAULT_TABLE_ID;
  /** Tables that a password opened for this connection. */
  private readonly opened = new Set<number>();
  /** Given by `AUTH <password>`: also tried on the next SELECT. */
  private remembered: Buffer | undefined;
  private readonly routed: RouterSession;
  private readonly connectedAtMs: number;
  private isGone = false;
  private lastCommand = 'NULL';
  private lastRequestAtMs: number;

  constructor(
    private readonly host: SessionHost,
    private readonly connection: Connection,
    private readonly port: Port,
  ) {
    this.routed = host.router.session(`${host.incarnation}:${connection.id}`);
    this.connectedAtMs = host.monotonicMs();
    this.lastRequestAtMs = this.connectedAtMs;
    this.permissionChanged();
  }

  // --- the road of a request -------------------------------------------------------------------------------

  execute(argv: Buffer[], answer: Answer): 'go' | 'hold' {
    const gated = gate(argv);
    if (gated.kind === 'refused')
      return this.answerNow(answer, this.mayAsk(argv) ? gated.reply : NOT_AUTHENTICATED);
    const { row } = gated;
    this.lastCommand = row.name;
    this.lastRequestAtMs = this.host.monotonicMs();
    if (!row.flags.includes('no_auth') && !this.authenticated)
      return this.answerNow(answer, NOT_AUTHENTICATED);
    const mistake = refusal(row, argv);
    if (mistake !== undefined) return this.answerNow(answer, mistake);
    if (isLocal(row)) return this.runLocal(row, argv, answer);
    this.runOnSlots(row, argv, answer);
    return 'go';
  }

  closed(): void {
    // Requests under way end by themselves; their answers are dropped by the connection.
    this.isGone = true;
  }

  private mayAsk(argv: Args): boolean {
    return this.authenticated || findRow(argv)?.flags.includes('no_auth') === true;
  }

  private answerNow(answer: Answer, reply: Reply): 'go' {
    answer(reply);
    return 'go';
  }

  private runLocal(row: LocalRow, argv: Args, answer: Answer): 'go' | 'hold' {
    const reply = runLocal(row, this, argv);
    if (!(reply instanceof Promise)) return this.answerNow(answer, reply);
    void reply.then(answer);
    return 'hold';
  }

  private runOnSlots(row: CommandRow, argv: Args, answer: Answer): void {
    const table = this.currentTable();
    if (table === undefined) return answer(withoutTable(this.tableId));
    const plan =
      this.port === 'cluster' ? this.clusterPlan(row, argv, table) : planOf(row, argv, table.slots);
    if ('redirect' in plan) return answer(plan.redirect);
    switch (plan.kind) {
      case 'crossSlot':
        return answer(CROSS_SLOT);
      case 'one':
        return this.route(table, plan.slot, row, argv, (outcome) => answer(replyTo(outcome)));
      case 'scan':
        return this.scan(table, plan.slot, row, argv, answer, EMPTY_SCAN_SLOTS_MAX);
      case 'parts':
        return this.runParts(table, row, plan, answer);
    }
  }

  private route(
    table: TableInfo,
    slot: number,
    row: CommandRow,
    argv: Args,
    done: (outcome: RouteOutcome) => void,
  ): void {
    const group: CommandGroup = { kind: 'lone', commands: [argv] };
    const kind = isWrite(row) ? 'write' : 'read';
    const here = this.readsHere && kind === 'read';
    this.routed.execute(table.groups[slot]!.groupId, { kind, here, group, done });
  }

  private runParts(table: TableInfo, row: CommandRow, plan: Plan & { kind: 'parts' }, answer: Answer): void {
    const outcomes: RouteOutcome[] = new Array(plan.parts.length);
    let left = plan.parts.length;
    if (left === 0) return answer(replyTo(merge(row, plan, [])));
    plan.parts.forEach((part, i) => {
      this.route(table, part.slot, row, part.argv, (outcome) => {
        outcomes[i] = outcome;
        if (--left === 0) answer(replyTo(merge(row, plan, outcomes)));
      });
    });
  }

  /** Goes on to the next slot while slots are empty, so that a client need not ask for each. */
  private scan(
    table: TableInfo,
    first: number,
    row: CommandRow,
    argv: Args,
    answer: Answer,
    slotsLeft: number,
  ): void {
    const slot = this.scannedHere(table, first);
    if (slot === undefined) return answer(SCAN_ENDED);
    const onSlot = slot === first ? argv : fromStart(argv);
    this.route(table, slot, row, onSlot, (outcome) => {
      const reply = replyTo(outcome);
      const merged = scanReply(reply, slot, table.slots);
      if (reply === merged || !foundNone(merged) || slotsLeft <= 1) answer(merged);
      else this.scan(table, slot + 1, row, fromStart(argv), answer, slotsLeft - 1);
    });
  }

  /** The first slot from `first` on that this port speaks of. */
  private scannedHere(table: TableInfo, first: number): number | undefined {
    for (let slot = first; slot < table.slots; slot++) {
      if (this.port === 'plain' || this.leadsHere(table, slot)) return slot;
    }
    return undefined;
  }

  private clusterPlan(row: CommandRow, argv: Args, table: TableInfo): Plan | { readonly redirect: Reply } {
    const keys = keysOf(row, argv);
    const hash = keys[0] === undefined ? undefined : hash14(keys[0]);
    if (keys.some((key) => hash14(key) !== hash)) return { kind: 'crossSlot' };
    const plan = planOf(row, argv, table.slots);
    if (plan.kind === 'parts') {
      const parts = plan.parts.filter((part) => this.leadsHere(table, part.slot));
      return { ...plan, parts };
    }
    if (plan.kind !== 'one' || hash === undefined) return plan;
    const leader = this.host.leaders.of(table.groups[plan.slot]!.groupId);
    if (leader === undefined || leader.nodeId === this.host.nodeId) return plan;
    const { groupId } = table.groups[plan.slot]!;
    if (this.readsHere && !isWrite(row) && this.host.router.local.leadership(groupId).nodeId !== 0)
      return plan;
    const node = this.host.topology().node(leader.nodeId);
    return node === undefined ? plan : { redirect: error(`MOVED ${hash} ${node.host}:${node.clusterPort}`) };
  }

  private leadsHere(table: TableInfo, slot: number): boolean {
    return this.host.leaders.of(table.groups[slot]!.groupId)?.nodeId === this.host.nodeId;
  }

  // --- what local commands see -----------------------------------------------------------------------------

  get id(): number {
    return this.connection.id;
  }

  get fromLoopback(): boolean {
    return isLoopback(this.connection.remoteAddress.replace(/:\d+$/, ''));
  }

  get node(): NodeView {
    return this.host.view;
  }

  get table(): TableView {
    return clusterTableView(this.host, this.currentTable(), (slot, row, argv) => {
      const table = this.currentTable();
      if (table === undefined) return Promise.resolve(withoutTable(this.tableId));
      return new Promise((resolve) => {
        this.route(table, slot, row, argv, (outcome) => resolve(replyTo(outcome)));
      });
    });
  }

  get authenticated(): boolean {
    const table = this.currentTable();
    // While the topology is not known a connection is trusted only where no table asks for a password; who has moved to a
    // table that is dropped by now was let in, and is to hear of it.
    if (table === undefined) return this.tableId !== DEFAULT_TABLE_ID || !this.anyPassword();
    return table.passwordHash === undefined || this.opened.has(table.tableId);
  }

  quit(): void {
    this.connection.closeAfterReplies();
  }

  reset(): void {
    this.name = '';
    this.readsHere = false;
    this.opened.clear();
    this.remembered = undefined;
    this.tableId = DEFAULT_TABLE_ID;
    this.connection.protocol = 2;
    this.permissionChanged();
  }

  async authenticate(tableWord: string | undefined, password: Buffer): Promise<Reply> {
    if (this.host.topology().isUnknown) return STARTING;
    const table = this.host.topology().table(tableWord ?? DEFAULT_TABLE);
    if (tableWord === undefined && table?.passwordHash === undefined) {
      // There may be a table that the next SELECT opens with it.
      this.remembered = Buffer.from(password);
      return this.anyPassword() ? OK : NO_PASSWORD_SET;
    }
    if (table === undefined) return WRONG_PASSWORD;
    if (table.passwordHash !== undefined) {
      const ok = await this.host.access.verify(table, password);
      if (ok === undefined) return error('TRYAGAIN too many password checks wait');
      if (!ok) return WRONG_PASSWORD;
      this.opened.add(table.tableId);
    }
    this.remembered = tableWord === undefined ? Buffer.from(password) : undefined;
    this.tableId = table.tableId;
    this.permissionChanged();
    return OK;
  }

  select(word: string): Reply | Promise<Reply> {
    if (this.host.topology().isUnknown) return STARTING;
    const table = this.host.topology().table(word);
    if (table === undefined) return /^\d+$/.test(word) ? NO_TABLE : error('ERR invalid DB index');
    if (table.passwordHash === undefined || this.opened.has(table.tableId)) return this.moveTo(table);
    if (this.remembered === undefined) return NOT_AUTHENTICATED;
    return this.host.access.verify(table, this.remembered).then((ok) => {
      if (ok !== true) return NOT_AUTHENTICATED;
      this.opened.add(table.tableId);
      return this.moveTo(table);
    });
  }

  async replicasWith(needed: number, timeoutMs: number): Promise<number> {
    await this.routed.answered();
    const { writes } = this.routed;
    if (writes.size === 0) return (this.currentTable()?.replicas ?? 1) - 1;
    return countAcks(this.host.router, writes, { needed, timeoutMs, isGone: () => this.isGone });
  }

  describe(): string {
    const nowMs = this.host.monotonicMs();
    const table = this.currentTable();
    return clientLine({
      connection: this.connection,
      name: this.name,
      ageSeconds: Math.floor((nowMs - this.connectedAtMs) / 1000),
      idleSeconds: Math.floor((nowMs - this.lastRequestAtMs) / 1000),
      tableId: table?.tableId ?? 0,
      tableName: table?.name ?? DEFAULT_TABLE,
      lastCommand: this.lastCommand,
      libName: this.libName,
      libVersion: this.libVersion,
    });
  }

  private currentTable(): TableInfo | undefined {
    return this.host.topology().tableById(this.tableId);
  }

  private anyPassword(): boolean {
    return this.host.topology().topology.tables.some((table) => table.passwordHash !== undefined);
  }

  private moveTo(table: TableInfo): Reply {
    this.tableId = table.tableId;
    this.permissionChanged();
    return OK;
  }

  private permissionChanged(): void {
    this.connection.authenticated = this.authenticated;
  }
}
