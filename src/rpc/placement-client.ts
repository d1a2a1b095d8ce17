/**
 * The node's end of the conversation with PM: registers, keeps a session up, reports, and hears of changes. For ever: PM
 * may be away as long as it likes, and the node runs on meanwhile.
 *
 * One attempt: register (which also tells PM of changed addresses), then open the session; up from the first topology on.
 * Several addresses are tried in turn; a PM that does not lead names the one that does, which is tried at once. Back-off
 * doubles, with jitter, up to a bound, and starts anew after a session that stood.
 *
 * Reports are coalesced: at most one is on its way, and of those that come meanwhile only the newest is sent, and of it what is news.
 */
import { type ClientDuplexStream, type ServiceDefinition, status } from '@grpc/grpc-js';
import type { Env, Timer } from '../env.js';
import type { Security } from './credentials.js';
import { callFailure, failureHeader, GrpcClient } from './grpc-client.js';
import {
  decodeTopology,
  encodeReport,
  LEADER_ADDRESS,
  type NodeAddress,
  placementService,
  type RegisterRequest,
  type RegisterResponse,
  type SessionRequest,
  type SessionResponse,
} from './placement-wire.js';
import { ToldReplicas } from './report-news.js';
import type { Boot, NodeReport, PlacementClient, PlacementHandlers } from './topology.js';

export interface PlacementClientOptions {
  /** `host:port` of each PM. */
  readonly addresses: readonly string[];
  readonly security: Security;
  readonly env: Env;
  /** Random, 16 to 128 characters, on the node's disk already: the same key gets the same identity. */
  readonly registrationKey: string;
  /** What an earlier registration gave. */
  readonly identity?: { readonly clusterId: string; readonly nodeId: number };
  readonly address: NodeAddress;
  /** Of the data folder, durable already. */
  readonly boot?: Boot;
  /** PM has heard of a later start of this node: the folder is an older copy, and must not go on. */
  readonly outdated?: (why: string) => void;
}

type Session = ClientDuplexStream<SessionRequest, SessionResponse>;

const REGISTER_TIMEOUT_MS = 5000;
const FIRST_TOPOLOGY_TIMEOUT_MS = 10_000;
const BACKOFF_FIRST_MS = 100;
const BACKOFF_MAX_MS = 5000;

export class GrpcPlacementClient implements PlacementClient {
  private readonly service: ServiceDefinition = placementService();
  private handlers: PlacementHandlers | undefined;
  private identity: { readonly clusterId: string; readonly nodeId: number } | undefined;
  private channel: GrpcClient | undefined;
  private session: Session | undefined;
  private isUp = false;
  private closed = false;
  private nextAddress = 0;
  private hint: string | undefined;
  private backoffMs = BACKOFF_FIRST_MS;
  private timer: Timer | undefined;
  private newestReport: NodeReport | undefined;
  private reportOnItsWay = false;
  private told = new ToldReplicas();
  private lastFailure = '';

  constructor(private readonly options: PlacementClientOptions) {
    this.identity = options.identity;
  }

  start(handlers: PlacementHandlers): void {
    this.handlers = handlers;
    this.timer = this.options.env.after(0, () => void this.attempt());
  }

  report(report: NodeReport): void {
    this.newestReport = report;
    this.sendReport();
  }

  async close(): Promise<void> {
    this.closed = true;
    this.timer?.cancel();
    this.session?.end();
    this.drop();
  }

  private async attempt(): Promise<void> {
    const address = this.pickAddress();
    const channel = new GrpcClient(this.service, address, this.options.security);
    this.channel = channel;
    try {
      await this.register(channel);
      if (!this.closed && this.channel === channel) this.openSession(channel, address);
    } catch (error) {
      if (this.channel === channel) this.fail(address, error);
    }
  }

  /** The leader that was named, once; else the next of the list. */
  private pickAddress(): string {
    const { hint } = this;
    this.hint = undefined;
    if (hint !== undefined) return hint;
    const { addresses } = this.options;
    return addresses[this.nextAddress++ % addresses.length]!;
  }

  private async register(channel: GrpcClient): Promise<void> {
    const { registrationKey, address, boot, env } = this.options;
    const request: RegisterRequest = {
      registrationKey,
      nodeId: this.identity?.nodeId ?? 0,
      clusterId: this.identity?.clusterId ?? '',
      address,
      ...(boot && { boot }),
    };
    const deadlineMs = env.wallMs() + REGISTER_TIMEOUT_MS;
    const given = await channel.unary<RegisterResponse>('Register', request, deadlineMs);
    if (this.closed) return;
    const identity = { clusterId: given.clusterId, nodeId: given.nodeId };
    if (this.identity === undefined) await this.handlers!.onRegistered(identity);
    this.identity = identity;
  }

  private openSession(channel: GrpcClient, address: string): void {
    const session = channel.duplex<SessionRequest, SessionResponse>('Session');
    this.session = session;
    this.reportOnItsWay = false;
    this.told = new ToldReplicas();
    const isCurrent = (): boolean => this.session === session;
    session.on('data', (message: SessionResponse) => {
      if (isCurrent()) this.take(message);
    });
    session.on('error', (error) => {
      if (isCurrent()) this.fail(address, error);
    });
    session.on('end', () => {
      if (isCurrent()) this.fail(address, new Error('PM ended the session'));
    });
    session.write({ hello: { ...this.identity!, registrationKey: this.options.registrationKey } });
    this.timer = this.options.env.after(FIRST_TOPOLOGY_TIMEOUT_MS, () => {
      if (isCurrent() && !this.isUp) this.fail(address, new Error('no topology came'));
    });
  }

  private take(message: SessionResponse): void {
    if (message.topology) {
      this.handlers!.onTopology(decodeTopology(message.topology));
      this.goUp();
    }
    if (message.transfers) this.handlers!.onTransfers(message.transfers.orders);
  }

  private goUp(): void {
    if (this.isUp || this.closed) return;
    this.isUp = true;
    this.backoffMs = BACKOFF_FIRST_MS;
    this.lastFailure = '';
    this.timer?.cancel();
    this.handlers!.onUp();
    this.sendReport();
  }

  private sendReport(): void {
    const { session, newestReport } = this;
    if (!this.isUp || !session || !newestReport || this.reportOnItsWay) return;
    this.newestReport = undefined;
    this.reportOnItsWay = true;
    session.write({ report: encodeReport(this.told.newsOf(newestReport)) }, () => {
      if (this.session !== session) return;
      this.reportOnItsWay = false;
      this.sendReport();
    });
  }

  private fail(address: string, error: unknown): void {
    const why = `${address}: ${callFailure(error)}`;
    const wasUp = this.isUp;
    this.hint = failureHeader(error, LEADER_ADDRESS);
    this.drop();
    if (this.closed) return;
    if (isDataLoss(error)) this.options.outdated?.(why);
    if (wasUp) this.handlers!.onDown(why);
    // The same trouble over and over is said once.
    if (why !== this.lastFailure) this.options.env.log.warn('no session with PM', { why });
    this.lastFailure = why;
    this.retryLater(this.hint === undefined ? 1 : 0);
  }

  /** A hint is followed soon, but never in a tight circle: two PMs may each believe in the other. */
  private retryLater(patience: 0 | 1): void {
    const { env } = this.options;
    const delayMs = patience === 0 ? BACKOFF_FIRST_MS : this.backoffMs * (0.5 + env.random.float() / 2);
    if (patience === 1) this.backoffMs = Math.min(this.backoffMs * 2, BACKOFF_MAX_MS);
    this.timer?.cancel();
    this.timer = env.after(delayMs, () => void this.attempt());
  }

  private drop(): void {
    const { session, channel } = this;
    this.session = undefined;
    this.channel = undefined;
    this.isUp = false;
    session?.on('error', () => {});
    session?.cancel();
    channel?.close();
  }
}

function isDataLoss(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === status.DATA_LOSS;
}
