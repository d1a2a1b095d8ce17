/** The options of `npm run bench`, checked: each refusal names the option, the value and what was expected. */
import { parseArgs } from 'node:util';
import { commandsOfMix } from './load/commands.js';
import { VIAS, type Via } from './peers/peer.js';

export const PEERS = [
  'redis-wait',
  'redis-async',
  'redis-everysec',
  'etcd',
  'ceiling',
  'talus-async',
] as const;

export interface PeersOptions {
  readonly peers: readonly string[];
  readonly conns: readonly number[];
  readonly pipeline: readonly number[];
  readonly value: number;
  readonly mix: readonly string[];
  readonly slots: number;
  readonly nodes: number;
  /** Pretended; undefined: nodes are as on hosts of their own. */
  readonly hosts: number | undefined;
  readonly via: Via;
  readonly leaders: 'one' | 'spread';
  readonly rate: number | undefined;
  readonly seconds: number;
  readonly rounds: number;
  readonly keys: number;
  readonly generator: 'auto' | 'own' | 'redis-benchmark';
}

const REPLICAS = 3;

export function peersOptionsOf(args: readonly string[]): PeersOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      peers: { type: 'string', default: 'redis-wait,redis-async,etcd,ceiling' },
      conns: { type: 'string', default: '1,50,200' },
      pipeline: { type: 'string', default: '1,16' },
      value: { type: 'string', default: '64' },
      mix: { type: 'string', default: 'set' },
      slots: { type: 'string', default: '16' },
      nodes: { type: 'string', default: '3' },
      hosts: { type: 'string' },
      via: { type: 'string', default: 'one' },
      leaders: { type: 'string' },
      rate: { type: 'string' },
      seconds: { type: 'string', default: '10' },
      rounds: { type: 'string', default: '3' },
      keys: { type: 'string', default: '100000' },
      generator: { type: 'string', default: 'auto' },
    },
  });
  const via = oneOf('via', values.via, VIAS);
  const mixes = values.mix.split(',');
  for (const mix of mixes) commandsOfMix(mix);
  const nodes = number('nodes', values.nodes, 1, 64);
  return {
    peers: values.peers === '' ? [] : values.peers.split(',').map((name) => oneOf('peers', name, PEERS)),
    conns: list('conns', values.conns, 10_000),
    pipeline: list('pipeline', values.pipeline, 1000),
    value: number('value', values.value, 1, 1 << 20),
    mix: mixes,
    slots: number('slots', values.slots, 1, 16_384),
    nodes,
    hosts: values.hosts === undefined ? undefined : number('hosts', values.hosts, 1, 64),
    via,
    leaders: leadersOf(values.leaders, via, nodes),
    rate: values.rate === undefined ? undefined : number('rate', values.rate, 1, 10_000_000),
    seconds: number('seconds', values.seconds, 1, 86_400),
    rounds: number('rounds', values.rounds, 1, 1000),
    keys: number('keys', values.keys, 1, 100_000_000),
    generator: oneOf('generator', values.generator, ['auto', 'own', 'redis-benchmark']),
  };
}

/** Of more nodes than replicas none holds all slots, and so none can lead all. */
function leadersOf(text: string | undefined, via: Via, nodes: number): 'one' | 'spread' {
  const canLeadAll = nodes <= REPLICAS;
  if (text === undefined) return canLeadAll && (via === 'one' || via === 'other') ? 'one' : 'spread';
  const leaders = oneOf('leaders', text, ['one', 'spread'] as const);
  if (leaders === 'one' && !canLeadAll)
    throw new Error(`--leaders: one of ${nodes} nodes holds no replica of some slots, expected spread`);
  return leaders;
}

function list(name: string, text: string, most: number): readonly number[] {
  return text.split(',').map((part) => number(name, part, 1, most));
}

function number(name: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new Error(
    `--${name}: ${JSON.stringify(text)} is not valid, expected an integer from ${least} to ${most}`,
  );
}

function oneOf<T extends string>(name: string, text: string, choice: readonly T[]): T {
  const found = choice.find((one) => one === text);
  if (found !== undefined) return found;
  throw new Error(`--${name}: ${JSON.stringify(text)} is not valid, expected ${choice.join(', ')}`);
}
