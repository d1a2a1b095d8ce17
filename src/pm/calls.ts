/**
 * The road of every unary call: admitted, then forwarded to the leader or answered here, and errors turned into statuses.
 *
 *   not admitted          UNAUTHENTICATED
 *   another PM leads      the call is passed on, once; a read falls back to what this PM knows when the leader is away
 *   a PmError             its status and sentence
 *   anything else         INTERNAL, and the log
 */
import {
  type handleUnaryCall,
  type Metadata,
  type ServiceDefinition,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import type { Env } from '../env.js';
import type { Security } from '../rpc/credentials.js';
import { callFailure, GrpcClient } from '../rpc/grpc-client.js';
import { PmError } from './errors.js';

export interface CallsOptions {
  readonly service: ServiceDefinition;
  readonly security: Security;
  readonly env: Env;
  readonly tokenRequired: boolean;
  /** Where another PM leads. */
  otherLeader(): string | undefined;
}

export interface CallKind {
  /** Changes nothing: may be answered from memory when the leader cannot be asked. */
  readonly isRead: boolean;
}

/** Set on a call passed on, so that two PMs that each believe in the other do not play ball. */
const FORWARDED = 'talus-forwarded';
/** Longer than the longest wait of any handler. */
const FORWARD_TIMEOUT_MS = 9000;

export class Calls {
  private readonly channels = new Map<string, GrpcClient>();

  constructor(private readonly options: CallsOptions) {}

  unary<Request extends object, Response>(
    method: string,
    kind: CallKind,
    answer: (request: Request) => Promise<Response> | Response,
  ): handleUnaryCall<Request, Response> {
    return (call, callback) => {
      this.run(method, kind, answer, call.request, call.metadata).then(
        (response) => callback(null, response),
        (error: unknown) => callback(this.failure(method, error)),
      );
    };
  }

  close(): void {
    for (const channel of this.channels.values()) channel.close();
    this.channels.clear();
  }

  /** What the caller is told of an error. */
  failure(method: string, error: unknown): { code: number; details: string } {
    if (error instanceof PmError) return { code: error.grpcStatus, details: error.message };
    if (isServiceError(error)) return { code: error.code, details: callFailure(error) };
    const stack = error instanceof Error ? error.stack : undefined;
    this.options.env.log.error('call failed', { method, error: String(error), stack });
    return { code: status.INTERNAL, details: 'internal error, see the log of PM' };
  }

  admit(metadata: Metadata): void {
    if (!this.options.tokenRequired || this.options.security.admits(metadata)) return;
    throw new PmError('UNAUTHENTICATED', 'the cluster token is missing or wrong (authorization: Bearer ...)');
  }

  private async run<Request extends object, Response>(
    method: string,
    kind: CallKind,
    answer: (request: Request) => Promise<Response> | Response,
    request: Request,
    metadata: Metadata,
  ): Promise<Response> {
    this.admit(metadata);
    const leader = this.options.otherLeader();
    if (leader === undefined || metadata.get(FORWARDED).length > 0) return answer(request);
    try {
      return await this.forward<Response>(leader, method, request);
    } catch (error) {
      if (!kind.isRead || !isServiceError(error) || error.code !== status.UNAVAILABLE) throw error;
      return answer(request);
    }
  }

  private forward<Response>(leader: string, method: string, request: object): Promise<Response> {
    const { service, security, env } = this.options;
    let channel = this.channels.get(leader);
    if (channel === undefined) {
      // Leaders change seldom; a former one's channel is of no more use.
      this.close();
      channel = new GrpcClient(service, leader, security);
      this.channels.set(leader, channel);
    }
    return channel.unary(method, request, env.wallMs() + FORWARD_TIMEOUT_MS, { [FORWARDED]: '1' });
  }
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' && 'metadata' in error;
}
