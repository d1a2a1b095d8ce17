/**
 * Loads the service definitions under `proto/` at run time. There is no generated code: proto-loader reads the same
 * files that `buf lint` checks, and the types of messages are written beside the code that uses them.
 *
 * Field names arrive in camelCase, 64-bit integers as numbers (every counter of ours stays below 2^53), enums as their
 * names, and absent fields as their defaults.
 */
import { join } from 'node:path';
import type { ServiceDefinition } from '@grpc/grpc-js';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import { packageRoot } from './package-root.js';

export type { PackageDefinition } from '@grpc/proto-loader';

/** `files` are relative to `proto/`, e.g. `talus/admin/v1/admin.proto`. */
export function loadProto(...files: readonly string[]): PackageDefinition {
  return loadSync([...files], {
    includeDirs: [join(packageRoot(), 'proto')],
    keepCase: false,
    longs: Number,
    enums: String,
    defaults: true,
    oneofs: true,
  });
}

/** The service called `fullName`, e.g. `talus.admin.v1.AdminService`; throws when the files do not define it. */
export function serviceDefinition(loaded: PackageDefinition, fullName: string): ServiceDefinition {
  const service = loaded[fullName];
  if (service === undefined || 'format' in service)
    throw new Error(`no service ${fullName} in the loaded files`);
  return service as ServiceDefinition;
}
