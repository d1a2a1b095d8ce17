/**
 * Who may speak gRPC with this cluster: one rule for peers, placement and admin.
 *
 * Two means, alone or together: mutual TLS (each side shows a certificate of the cluster's own authority) and a cluster
 * token (a shared secret in the metadata of every call). Without either, only loopback may be listened on.
 *
 * The token travels in clear without TLS: it keeps strangers and strays out, not somebody who reads the network.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ChannelCredentials, Metadata, ServerCredentials } from '@grpc/grpc-js';

/** As the configuration has it. */
export interface SecurityConfig {
  readonly tls?: TlsFiles | undefined;
  readonly clusterToken?: string | undefined;
}

/** PEM files. `caFile` holds the authority that signed every certificate of the cluster, and nobody else's. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  readonly caFile: string;
}

export interface Security {
  readonly channelCredentials: ChannelCredentials;
  readonly serverCredentials: ServerCredentials;
  /** True when strangers are kept out: a token, or mutual TLS. */
  readonly guarded: boolean;
  /** A fresh Metadata that bears the token, if there is one. */
  callMetadata(): Metadata;
  /** Does a call with this metadata bear the token, if one is wanted? Takes the same time for every wrong token. */
  admits(metadata: Metadata): boolean;
}

const TOKEN_KEY = 'authorization';
const TOKEN_SCHEME = 'Bearer ';

/** Reads the files once; throws an Error of one line that names the file or the key. */
export function loadSecurity(config: SecurityConfig): Security {
  const token = config.clusterToken;
  if (token !== undefined) checkToken(token);
  const expected = token === undefined ? undefined : digest(TOKEN_SCHEME + token);
  return {
    ...(config.tls === undefined ? plainText() : mutualTls(config.tls)),
    guarded: token !== undefined || config.tls !== undefined,
    callMetadata: () => {
      const metadata = new Metadata();
      if (token !== undefined) metadata.set(TOKEN_KEY, TOKEN_SCHEME + token);
      return metadata;
    },
    admits: (metadata) => {
      if (expected === undefined) return true;
      const [shown] = metadata.get(TOKEN_KEY);
      return typeof shown === 'string' && timingSafeEqual(digest(shown), expected);
    },
  };
}

/** The keys by which every process's configuration, and the command line, says it. */
export interface SecurityKeys {
  readonly tlsCertFile?: string | undefined;
  readonly tlsKeyFile?: string | undefined;
  readonly tlsCaFile?: string | undefined;
  readonly clusterToken?: string | undefined;
}

/** As loadSecurity; throws, too, when only some of the TLS files are named. */
export function securityOf(keys: SecurityKeys): Security {
  const { tlsCertFile: certFile, tlsKeyFile: keyFile, tlsCaFile: caFile, clusterToken } = keys;
  if (certFile !== undefined && keyFile !== undefined && caFile !== undefined) {
    return loadSecurity({ tls: { certFile, keyFile, caFile }, clusterToken });
  }
  if (certFile === undefined && keyFile === undefined && caFile === undefined)
    return loadSecurity({ clusterToken });
  throw new Error('tls-cert-file, tls-key-file and tls-ca-file go together: set all three or none');
}

/**
 * Throws unless `host` may be listened on: anywhere when guarded, else on loopback only.
 * `what` is for the message, e.g. `the peer port`.
 */
export function requireSafeListen(security: Security, host: string, what: string): void {
  if (security.guarded || isLoopback(host)) return;
  throw new Error(
    `${what} would be open to the network on ${host}: set cluster-token or tls (certFile, keyFile, caFile), or listen on 127.0.0.1`,
  );
}

/** Names other than `localhost` are not resolved: what they mean may change after the check. */
export function isLoopback(host: string): boolean {
  const bare = host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
  return bare === 'localhost' || bare === '::1' || /^(::ffff:)?127(\.\d{1,3}){3}$/.test(bare);
}

/** `host:port` as gRPC and messages want it: IPv6 in brackets. */
export function hostPort(host: string, port: number): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** HTTP headers hold printable ASCII; a token of spaces would be trimmed on the way. */
function checkToken(token: string): void {
  if (/^[\x21-\x7e]+$/.test(token)) return;
  throw new Error(
    'cluster-token must be one or more printable ASCII characters without spaces (its value is not shown)',
  );
}

function plainText(): Pick<Security, 'channelCredentials' | 'serverCredentials'> {
  return {
    channelCredentials: ChannelCredentials.createInsecure(),
    serverCredentials: ServerCredentials.createInsecure(),
  };
}

function mutualTls(files: TlsFiles): Pick<Security, 'channelCredentials' | 'serverCredentials'> {
  const authority = readPem('tls.caFile', files.caFile);
  const key = readPem('tls.keyFile', files.keyFile);
  const certificate = readPem('tls.certFile', files.certFile);
  try {
    return {
      channelCredentials: ChannelCredentials.createSsl(authority, key, certificate),
      serverCredentials: ServerCredentials.createSsl(
        authority,
        [{ private_key: key, cert_chain: certificate }],
        true,
      ),
    };
  } catch (error) {
    throw new Error(`tls: ${files.certFile} and ${files.keyFile} don't serve: ${(error as Error).message}`);
  }
}

function readPem(key: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new Error(`${key}: cannot read ${path}: ${(error as NodeJS.ErrnoException).code ?? error}`);
  }
}

/** Of equal length whatever is compared, as timingSafeEqual wants it. */
function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
