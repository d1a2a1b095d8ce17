/**
 * The refusals of PM: a gRPC status and a sentence for the one who asked. Thrown anywhere below the services, sent by them.
 * Anything else that is thrown is our own fault and answers INTERNAL.
 */
import { status } from '@grpc/grpc-js';

export type RefusalCode =
  | 'INVALID_ARGUMENT'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'FAILED_PRECONDITION'
  | 'UNAUTHENTICATED'
  | 'UNAVAILABLE'
  | 'DATA_LOSS'
  | 'DEADLINE_EXCEEDED';

export class PmError extends Error {
  override readonly name = 'PmError';

  constructor(
    readonly code: RefusalCode,
    message: string,
    /** For UNAVAILABLE: where the leading PM listens. */
    readonly leaderAddress?: string,
  ) {
    super(message);
  }

  get grpcStatus(): number {
    return status[this.code];
  }
}
