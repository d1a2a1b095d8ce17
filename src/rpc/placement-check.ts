/**
 * Asks the placement managers, before a node touches its data folder, whether they know the folder as this node's. No answer is no
 * refusal: a node starts without PM.
 */
import { status } from '@grpc/grpc-js';
import type { Env } from '../env.js';
import type { Security } from './credentials.js';
import { callFailure, GrpcClient } from './grpc-client.js';
import { placementService, type RegisterRequest, type RegisterResponse } from './placement-wire.js';

/** All addresses are asked at once; a start waits no longer than this for the first that answers. */
const ASK_TIMEOUT_MS = 1500;

/** What a PM says against it; undefined: nothing, or nobody was there. */
export async function placementRefusal(
  options: { readonly addresses: readonly string[]; readonly security: Security; readonly env: Env },
  request: RegisterRequest,
): Promise<string | undefined> {
  const { addresses, security, env } = options;
  const service = placementService();
  const ask = async (address: string): Promise<string | undefined> => {
    const client = new GrpcClient(service, address, security);
    try {
      await client.unary<RegisterResponse>('Register', request, env.wallMs() + ASK_TIMEOUT_MS);
      return undefined;
    } catch (error) {
      if (isRefusal(error)) return callFailure(error);
      throw error;
    } finally {
      client.close();
    }
  };
  return Promise.any(addresses.map(ask)).catch(() => undefined);
}

/** Another cluster's, unknown under this key, or an older copy. */
export function isRefusal(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === status.FAILED_PRECONDITION || code === status.DATA_LOSS;
}
