/**
 * talus.placement.v1.PlacementService over the manager: registration, and one long stream a node.
 *
 * A stream's unsent bytes are bounded: while the node has not taken the last message, a newer topology waits, alone,
 * replacing the one that waited before; transfer orders are hints and are dropped.
 */
import { Metadata, type ServerDuplexStream, type UntypedServiceImplementation } from '@grpc/grpc-js';
import {
  decodeReport,
  encodeTopology,
  type Hello,
  LEADER_ADDRESS,
  plainAddress,
  plainBoot,
  type RegisterRequest,
  type SessionRequest,
  type SessionResponse,
} from '../rpc/placement-wire.js';
import { HeardReplicas, type ReportNews } from '../rpc/report-news.js';
import type { Topology, TransferOrder } from '../rpc/topology.js';
import type { Calls } from './calls.js';
import { PmError } from './errors.js';
import type { NodeSession } from './fleet.js';
import type { Manager } from './manager.js';

export interface PlacementOptions {
  readonly manager: Manager;
  readonly calls: Calls;
  otherLeader(): string | undefined;
}

type Stream = ServerDuplexStream<SessionRequest, SessionResponse>;

export function placementHandlers(options: PlacementOptions): UntypedServiceImplementation {
  const { manager, calls } = options;
  return {
    Register: calls.unary('Register', { isRead: false }, (request: RegisterRequest) => {
      if (!request.address) throw new PmError('INVALID_ARGUMENT', 'address: expected where the node listens');
      return manager.register({
        registrationKey: request.registrationKey,
        nodeId: request.nodeId,
        clusterId: request.clusterId,
        address: plainAddress(request.address),
        ...(request.boot && { boot: plainBoot(request.boot) }),
      });
    }),
    Session: (stream: Stream) => void new StreamSession(stream, options),
  };
}

class StreamSession implements NodeSession {
  nodeId = 0;
  private attached = false;
  private ended = false;
  private waiting: Topology | undefined;
  private blocked = false;
  private readonly heard = new HeardReplicas();

  constructor(
    private readonly stream: Stream,
    private readonly options: PlacementOptions,
  ) {
    stream.on('data', (message: SessionRequest) => this.guarded(() => this.take(message)));
    stream.on('error', () => this.detach());
    stream.on('cancelled', () => this.detach());
    stream.on('end', () => this.end('the node closed the session'));
    stream.on('drain', () => this.unblock());
    this.guarded(() => options.calls.admit(stream.metadata));
  }

  sendTopology(topology: Topology): void {
    if (this.blocked) this.waiting = topology;
    else this.write({ topology: encodeTopology(topology) });
  }

  sendTransfers(orders: readonly TransferOrder[]): void {
    if (!this.blocked) this.write({ transfers: { orders } });
  }

  end(why: string): void {
    this.refuse(new PmError('UNAVAILABLE', why, this.options.otherLeader()));
  }

  private take(message: SessionRequest): void {
    if (this.ended) return;
    if (message.hello) this.hello(message.hello);
    if (message.report) this.report(decodeReport(message.report));
  }

  private hello(hello: Hello): void {
    if (this.attached) throw new PmError('INVALID_ARGUMENT', 'hello: sent for the second time');
    const leader = this.options.otherLeader();
    if (leader !== undefined)
      throw new PmError('UNAVAILABLE', `this PM does not lead, ${leader} does`, leader);
    this.nodeId = hello.nodeId;
    this.options.manager.openSession(this, hello.clusterId, hello.registrationKey);
    this.attached = true;
  }

  private report(report: ReportNews): void {
    if (!this.attached) throw new PmError('INVALID_ARGUMENT', 'report: sent before hello');
    if (report.nodeId !== this.nodeId) {
      throw new PmError(
        'INVALID_ARGUMENT',
        `report: of node ${report.nodeId} in a session of node ${this.nodeId}`,
      );
    }
    this.options.manager.report(this.heard.wholeOf(report));
  }

  private write(message: SessionResponse): void {
    if (!this.ended) this.blocked = !this.stream.write(message);
  }

  private unblock(): void {
    this.blocked = false;
    const topology = this.waiting;
    this.waiting = undefined;
    if (topology) this.sendTopology(topology);
  }

  private guarded(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.refuse(error);
    }
  }

  private refuse(error: unknown): void {
    if (this.ended) return;
    this.detach();
    const metadata = new Metadata();
    const leader = error instanceof PmError ? error.leaderAddress : undefined;
    if (leader !== undefined) metadata.set(LEADER_ADDRESS, leader);
    this.stream.emit('error', { ...this.options.calls.failure('Session', error), metadata });
  }

  private detach(): void {
    this.ended = true;
    if (this.attached) this.options.manager.closeSession(this);
    this.attached = false;
  }
}
