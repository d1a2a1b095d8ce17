/**
 * One gRPC channel to one address, for the services that are called rather than streamed between nodes: admin and
 * placement. Deadlines are absolute and come from the caller's clock; nothing is retried here or below.
 */
import {
  Client,
  type ClientDuplexStream,
  Metadata,
  type MethodDefinition,
  type ServiceDefinition,
  type ServiceError,
} from '@grpc/grpc-js';
import type { Security } from './credentials.js';

/** A topology or a status of many thousand slots is a few MiB. */
export const MESSAGE_BYTES_MAX = 64 * 1024 * 1024;

const CHANNEL_OPTIONS = {
  'grpc.enable_retries': 0,
  'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
  'grpc.max_send_message_length': MESSAGE_BYTES_MAX,
  'grpc.keepalive_time_ms': 5000,
  'grpc.keepalive_timeout_ms': 3000,
  'grpc.use_local_subchannel_pool': 1,
};

export class GrpcClient {
  private readonly client: Client;

  constructor(
    private readonly service: ServiceDefinition,
    address: string,
    private readonly security: Security,
  ) {
    this.client = new Client(address, security.channelCredentials, CHANNEL_OPTIONS);
  }

  /** Rejects with a ServiceError. `deadlineMs` is wall-clock time; `headers` go with the call. */
  unary<Response>(
    method: string,
    request: object,
    deadlineMs: number,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Response> {
    const { path, requestSerialize, responseDeserialize } = this.method(method);
    const options = { deadline: deadlineMs };
    return new Promise((resolve, reject) => {
      this.client.makeUnaryRequest<object, Response>(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        this.metadata(headers),
        options,
        (error: ServiceError | null, response?: Response) => (error ? reject(error) : resolve(response!)),
      );
    });
  }

  duplex<Request, Response>(method: string): ClientDuplexStream<Request, Response> {
    const { path, requestSerialize, responseDeserialize } = this.method(method);
    return this.client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, this.metadata({}));
  }

  close(): void {
    this.client.close();
  }

  private method(name: string): MethodDefinition<unknown, never> {
    const method = this.service[name];
    if (method === undefined) throw new Error(`the service has no method ${name}`);
    return method as unknown as MethodDefinition<unknown, never>;
  }

  private metadata(headers: Readonly<Record<string, string>>): Metadata {
    const metadata = this.security.callMetadata();
    for (const [key, value] of Object.entries(headers)) metadata.set(key, value);
    return metadata;
  }
}

/** What a failed call is told as: the message of the status, without gRPC's own prefix. */
export function callFailure(error: unknown): string {
  if (
    error instanceof Error &&
    'details' in error &&
    typeof error.details === 'string' &&
    error.details !== ''
  ) {
    return error.details;
  }
  return error instanceof Error ? error.message : String(error);
}

/** Of the trailing metadata of a failed call. */
export function failureHeader(error: unknown, key: string): string | undefined {
  if (!(error instanceof Error) || !('metadata' in error) || !(error.metadata instanceof Metadata))
    return undefined;
  const [value] = error.metadata.get(key);
  return value === undefined ? undefined : String(value);
}
