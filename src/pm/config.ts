/**
 * PM's settings, each with its bounds, default and a line for --help.
 */
import { z } from 'zod';
import { HASH_SLOTS } from '../slot/hash.js';
import { REPLICAS_MAX } from './validate.js';

const port = z.int().min(0).max(65535);

export const pmConfigSchema = z.object({
  dataDir: z
    .string()
    .min(1)
    .default('./data/pm-1')
    .describe('folder for the pid file, the log and embedded metadata'),
  host: z.string().min(1).default('127.0.0.1').describe('address to listen on'),
  port: port.default(9300).describe('gRPC port: admin and placement'),
  httpPort: port.optional().describe('port for /metrics, /healthz and /readyz (default port + 1)'),
  advertise: z.string().optional().describe('host:port where other PMs reach this one (default host:port)'),
  metadata: z
    .string()
    .regex(/^(embedded|etcds?:\/\/[^/\s]+(\/\S*)?)$/, '"embedded" or "etcd://host:port,host:port/prefix"')
    .default('embedded')
    .describe('where metadata is kept: embedded, or etcd://host:port,.../prefix'),
  etcdUsername: z.string().optional().describe('user name at etcd'),
  etcdPassword: z.string().optional().describe('password at etcd').meta({ secret: true }),
  bootstrapNodes: z
    .int()
    .min(1)
    .max(1000)
    .default(3)
    .describe('nodes to wait for before table default is made'),
  defaultTableSlots: z.int().min(1).max(HASH_SLOTS).default(16).describe('slots of table default'),
  defaultTableReplicas: z
    .int()
    .min(1)
    .max(REPLICAS_MAX)
    .default(3)
    .describe('replicas of table default; fewer if there are fewer nodes'),
  defaultTablePassword: z
    .string()
    .min(1)
    .optional()
    .describe('password of table default')
    .meta({ secret: true }),
  balanceLeaders: z.boolean().default(true).describe('keep leaders spread evenly over the nodes'),
  preferredLeader: z
    .string()
    .min(1)
    .max(64)
    .optional()
    .describe('name of a node that shall lead every slot it holds, instead of spreading leaders'),
  clusterToken: z
    .string()
    .min(1)
    .optional()
    .describe('the secret shared by all processes of the cluster')
    .meta({ secret: true }),
  adminTokenRequired: z
    .boolean()
    .default(false)
    .describe('ask admin calls for the cluster token on loopback too'),
  tlsCertFile: z
    .string()
    .optional()
    .describe('PEM certificate of this process; mutual TLS with the two below'),
  tlsKeyFile: z.string().optional().describe('PEM key of this process'),
  tlsCaFile: z.string().optional().describe("PEM certificate of the cluster's own authority"),
  logTo: z.enum(['file', 'stderr']).default('file').describe('<data-dir>/log, or standard error'),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('info').describe('least level that is logged'),
});

export type PmConfig = z.output<typeof pmConfigSchema>;
