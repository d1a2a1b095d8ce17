/**
 * The command line, checked: every combination that could not mean what it says is refused with a reason.
 */
import { parseArgs } from 'node:util';
import { OPERATIONS_MIN } from './checkers/validity.js';
import { NEMESES, type NemesisName } from './nemesis.js';
import type { Address } from './resp-client.js';

export const WORKLOADS = ['register', 'set-counter', 'wake-read', 'async'] as const;
export type WorkloadName = (typeof WORKLOADS)[number];

export interface Options {
  /** Of faults, for each workload; reading back and checking come on top. */
  readonly timeMs: number;
  readonly workloads: readonly WorkloadName[];
  readonly nemesis: NemesisName;
  /** undefined: as many as the nemesis sees fit. */
  readonly strikes: number | undefined;
  readonly seed: number;
  readonly nodes: number;
  readonly clients: number;
  readonly timeoutMs: number;
  readonly operationsMin: number;
  readonly folder: string;
  readonly keep: boolean;
  /** The talus.js that starts the cluster; undefined for this checkout's. */
  readonly program: string | undefined;
  /** More lines for every node's configuration file: `key: value`. */
  readonly nodeSettings: readonly string[];
  readonly withoutPm: boolean;
  /** `etcd` starts one, `etcd://host:port` uses one, undefined is the embedded store. */
  readonly metadata: string | undefined;
  readonly etcdStopHalf: boolean;
  readonly plantStaleRead: boolean;
  /** Servers that run already; empty to start a cluster. */
  readonly against: readonly Address[];
  /** A history to judge again instead of a run. */
  readonly check: string | undefined;
  readonly help: boolean;
}

export class OptionError extends Error {
  override readonly name = 'OptionError';
}

export const USAGE = `npm run jepsen -- [options]
  --time S              seconds of faults for each workload (60)
  --workload W          register, set-counter, wake-read, async or all (all: the first two; the third where nodes sleep)
  --nemesis N           kill, sever, pause, block, reset, power or none (kill; none with --against); power needs root
  --strikes N           how many times a leader is struck (as many as the nemesis sees fit)
  --seed N              decides faults and operations (from the clock)
  --program FILE        the talus.js to start (that of this checkout)
  --set KEY=VALUE       a setting for every node's file, e.g. reads=index; may be given again
  --nodes N             nodes of the cluster (3)
  --clients N           clients, spread over the nodes (20)
  --timeout-ms N        for one operation (3000)
  --operations-min N    acknowledged operations of a valid run (${OPERATIONS_MIN})
  --without-pm          the placement manager is killed before the workload
  --metadata M          etcd (start /usr/bin/etcd) or etcd://host:port
  --etcd-stop-half      that etcd is stopped at half time, for good
  --plant stale-read    one GET is answered falsely: the run must fail (also --stale-read-plant)
  --against H:P,H:P     judge servers that run already
  --check FILE          judge a history again
  --dir DIR             where runs are kept (./data-jepsen)
  --keep                keep a passed run too
exit code 0 passed, 1 failed, 2 invalid`;

const TEXT = { type: 'string' } as const;
const FLAG = { type: 'boolean' } as const;

export function parseOptions(args: readonly string[], seedByDefault: number): Options {
  const values = parsed(args);
  const against = (values.against ?? '').split(',').filter(Boolean).map(addressOf);
  const nemesis = nemesisOf(values.nemesis ?? (against.length > 0 ? 'none' : 'kill'));
  const options: Options = {
    timeMs: numberOf('time', values.time ?? '60', 1) * 1000,
    workloads: workloadsOf(values.workload ?? 'all', nemesis),
    nemesis,
    strikes: values.strikes === undefined ? undefined : numberOf('strikes', values.strikes, 1),
    seed: numberOf('seed', values.seed ?? `${seedByDefault}`, 0),
    nodes: numberOf('nodes', values.nodes ?? '3', 1),
    clients: numberOf('clients', values.clients ?? '20', 1),
    timeoutMs: numberOf('timeout-ms', values['timeout-ms'] ?? '3000', 1),
    operationsMin: numberOf('operations-min', values['operations-min'] ?? `${OPERATIONS_MIN}`, 1),
    folder: values.dir ?? 'data-jepsen',
    keep: values.keep === true,
    program: values.program,
    nodeSettings: (values.set ?? []).map(settingOf),
    withoutPm: values['without-pm'] === true,
    metadata: values.metadata,
    etcdStopHalf: values['etcd-stop-half'] === true,
    plantStaleRead: values['stale-read-plant'] === true || values.plant !== undefined,
    against,
    check: values.check,
    help: values.help === true,
  };
  if (values.plant !== undefined && values.plant !== 'stale-read')
    throw new OptionError('--plant takes stale-read');
  refuseContradictions(options);
  return options;
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        time: TEXT,
        workload: TEXT,
        nemesis: TEXT,
        strikes: TEXT,
        set: { type: 'string', multiple: true },
        seed: TEXT,
        nodes: TEXT,
        clients: TEXT,
        'timeout-ms': TEXT,
        'operations-min': TEXT,
        dir: TEXT,
        keep: FLAG,
        program: TEXT,
        'without-pm': FLAG,
        metadata: TEXT,
        'etcd-stop-half': FLAG,
        plant: TEXT,
        'stale-read-plant': FLAG,
        against: TEXT,
        check: TEXT,
        help: FLAG,
      },
    }).values;
  } catch (error) {
    throw new OptionError((error as Error).message);
  }
}

function refuseContradictions(options: Options): void {
  if (options.nemesis === 'power' && options.etcdStopHalf)
    throw new OptionError('--nemesis power has no half time at which etcd could stop');
  if (options.etcdStopHalf && options.metadata !== 'etcd') {
    throw new OptionError(
      '--etcd-stop-half needs --metadata etcd: an etcd of somebody else is not ours to stop',
    );
  }
  if (options.against.length > 0 && isOurs(options)) {
    throw new OptionError(
      '--against takes no faults, no settings and no metadata: those servers are not ours',
    );
  }
  if (options.against.length > 0 && options.workloads.includes('async')) {
    throw new OptionError('--workload async makes a table: --against takes servers as they are');
  }
  if (options.plantStaleRead && !options.workloads.includes('register')) {
    throw new OptionError('--plant stale-read needs --workload register');
  }
}

/** What only a cluster that the harness starts can have. */
function isOurs({ nemesis, withoutPm, metadata, nodeSettings }: Options): boolean {
  return nemesis !== 'none' || withoutPm || metadata !== undefined || nodeSettings.length > 0;
}

function workloadsOf(text: string, nemesis: NemesisName): readonly WorkloadName[] {
  const isSleepy = nemesis === 'pause' || nemesis === 'block';
  if (text === 'all')
    return WORKLOADS.filter((name) => name !== 'async' && (name !== 'wake-read' || isSleepy));
  const known = WORKLOADS.find((name) => name === text);
  if (!known) throw new OptionError(`--workload ${text}: ${WORKLOADS.join(', ')} or all`);
  return [known];
}

function nemesisOf(text: string): NemesisName {
  const known = NEMESES.find((name) => name === text);
  if (!known) throw new OptionError(`--nemesis ${text}: ${NEMESES.join(', ')}`);
  return known;
}

function settingOf(text: string): string {
  const [, key, value] = /^([a-z][a-z-]*)=(.+)$/.exec(text) ?? [];
  if (key === undefined) throw new OptionError(`--set ${text}: key=value`);
  return `${key}: ${value}`;
}

function numberOf(name: string, text: string, min: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value) || value < min)
    throw new OptionError(`--${name} ${text}: a whole number from ${min}`);
  return value;
}

function addressOf(text: string): Address {
  const colon = text.lastIndexOf(':');
  return { host: text.slice(0, colon), port: numberOf('against', text.slice(colon + 1), 1) };
}
