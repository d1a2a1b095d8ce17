/**
 * The port for operations, on nodes and PM alike: /metrics for Prometheus, /healthz and /readyz for whoever restarts
 * processes and sends them traffic. 200 or 503, with the reasons as JSON.
 *
 * Plain HTTP without secrets; it binds where it is told, loopback by default.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';

export interface Verdict {
  readonly ok: boolean;
  /** What is wrong; may also say what is so when all is well. */
  readonly reasons: readonly string[];
}

export interface OpsHttpOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly metrics: Registry;
  /** False: restart me. */
  health(): Verdict;
  /** False: send me no traffic now. */
  ready(): Verdict;
}

export interface OpsHttp {
  readonly port: number;
  close(): Promise<void>;
}

const REQUEST_TIMEOUT_MS = 10_000;
const CONNECTIONS_MAX = 128;

/** Rejects when the port cannot be listened on. */
export async function startOpsHttp(options: OpsHttpOptions): Promise<OpsHttp> {
  const server = createServer((request, response) => void answer(options, request, response));
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.maxConnections = CONNECTIONS_MAX;
  await listen(server, options);
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, options: OpsHttpOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

async function answer(
  options: OpsHttpOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return send(response, 405, 'text/plain', 'GET only\n');
  switch ((request.url ?? '/').split('?')[0]) {
    case '/metrics':
      return sendMetrics(options.metrics, response);
    case '/healthz':
      return sendVerdict(response, options.health());
    case '/readyz':
      return sendVerdict(response, options.ready());
    default:
      return send(response, 404, 'text/plain', '/metrics, /healthz, /readyz\n');
  }
}

async function sendMetrics(metrics: Registry, response: ServerResponse): Promise<void> {
  try {
    send(response, 200, metrics.contentType, await metrics.metrics());
  } catch (error) {
    send(response, 500, 'text/plain', `${String(error)}\n`);
  }
}

function sendVerdict(response: ServerResponse, verdict: Verdict): void {
  const body = JSON.stringify({ status: verdict.ok ? 'ok' : 'unavailable', reasons: verdict.reasons });
  send(response, verdict.ok ? 200 : 503, 'application/json', `${body}\n`);
}

function send(response: ServerResponse, status: number, contentType: string, body: string): void {
  response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(body) });
  response.end(body);
}
