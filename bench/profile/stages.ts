/**
 * Whose work a sample is: of the stages that a write goes through (docs/architecture.md), told by the nearest caller that is ours.
 *
 * Time in Node and in native code belongs to whoever called it: a copy of bytes to the stage that copies, a socket's write to the
 * stage that writes. What nobody of ours called (a socket's bytes on their way in, timers) is told by Node's own module.
 */
import type { HeapProfiler, Profiler } from 'node:inspector';

/** The first that fits; on a path below `src/`, a package's name, or a module of Node. */
const STAGES: readonly (readonly [pattern: RegExp, stage: string])[] = [
  [/^resp\//, 'RESP: parse, order, encode'],
  [/^node\/(session|access|client-line)/, "session: gate, replies' order"],
  [/^node\/(router|scatter|forwarder|wire|leaders|answers)/, 'routing and forwarding'],
  [/^slot\/(slot|requests|entry|stamp|proposals|pump|reads)/, 'slot: propose, turn, answer'],
  [/^slot\/checkpoint|^slot\/dirty|^storage\/level|npm:.*level/, 'checkpoint and engine'],
  [/^slot\/|^commands\//, 'apply: handlers, records, pool'],
  [/^raft\//, 'Raft'],
  [/^storage\//, 'binlog'],
  [/^rpc\/|^node\/outbox|npm:@grpc|npm:protobufjs|http2/, 'peers: codec, gRPC, HTTP/2'],
  [/^node\//, 'node: the rest'],
  [/^node:(net|internal\/stream|internal\/streams|stream)/, 'sockets of clients, in Node'],
  [/^node:(fs|internal\/fs)/, 'files, in Node'],
  [/^node:inspector|profile\/agent|npm:prom-client|npm:tdigest/, 'the profile itself'],
  [/^node:/, 'Node: the rest'],
];

const OF_THE_ENGINE: ReadonlyMap<string, string> = new Map([
  ['(idle)', 'idle'],
  ['(garbage collector)', 'garbage collection'],
  ['(program)', 'outside of JavaScript'],
]);

export interface Cost {
  readonly name: string;
  readonly amount: number;
}

interface Frame {
  readonly functionName: string;
  readonly url: string;
  readonly lineNumber: number;
}

interface Tally {
  readonly stages: Map<string, number>;
  readonly functions: Map<string, number>;
}

/** Microseconds. */
export function cpuCosts({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): Tally {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const selfUs = new Map<number, number>();
  // A sample stands for the time since the one before it.
  for (const [at, id] of samples.entries())
    selfUs.set(id, (selfUs.get(id) ?? 0) + Math.max(0, timeDeltas[at] ?? 0));
  const tally: Tally = { stages: new Map(), functions: new Map() };
  const visit = (id: number, above: string | undefined): void => {
    const node = byId.get(id)!;
    const stage = OF_THE_ENGINE.get(node.callFrame.functionName) ?? stageBelow(node.callFrame, above);
    note(tally, node.callFrame, stage, selfUs.get(id) ?? 0);
    for (const child of node.children ?? []) visit(child, stage);
  };
  if (nodes.length > 0) visit(nodes[0]!.id, undefined);
  return tally;
}

/** Bytes. */
export function heapCosts({ head }: HeapProfiler.SamplingHeapProfile): Tally {
  const tally: Tally = { stages: new Map(), functions: new Map() };
  const visit = (node: HeapProfiler.SamplingHeapProfileNode, above: string | undefined): void => {
    const stage = stageBelow(node.callFrame, above);
    note(tally, node.callFrame, stage, node.selfSize);
    for (const child of node.children) visit(child, stage);
  };
  visit(head, undefined);
  return tally;
}

export function largest(
  costs: ReadonlyMap<string, number>,
  count = Number.POSITIVE_INFINITY,
): readonly Cost[] {
  const all = [...costs].map(([name, amount]) => ({ name, amount })).filter(({ amount }) => amount > 0);
  return all.sort((a, b) => b.amount - a.amount || (a.name < b.name ? -1 : 1)).slice(0, count);
}

/** Node's own frames and native ones stay with the stage above; a frame of ours, or of a package, names its own. */
function stageBelow(frame: Frame, above: string | undefined): string {
  const place = placeOf(frame.url);
  // The small files at the root of src serve all stages.
  const isNodes = place === '' || place.startsWith('node:') || /^[\w-]+$/.test(place);
  // Streams of HTTP/2 and of sockets share code in Node: the first word said decides.
  if (isNodes && above !== undefined && above !== 'Node: the rest') return above;
  if (place === '') return above ?? 'Node: the rest';
  return STAGES.find(([pattern]) => pattern.test(place))?.[1] ?? `other: ${place}`;
}

function placeOf(url: string): string {
  if (url.startsWith('node:')) return url;
  const packaged = /node_modules\/((?:@[^/]+\/)?[^/]+)(?!.*node_modules\/)/.exec(url)?.[1];
  if (packaged !== undefined) return `npm:${packaged}`;
  return url.replace(/^.*\/dist\/(?:src\/)?/, '').replace(/\.js$/, '');
}

function note({ stages, functions }: Tally, frame: Frame, stage: string, amount: number): void {
  if (amount === 0) return;
  stages.set(stage, (stages.get(stage) ?? 0) + amount);
  const place = placeOf(frame.url);
  const line = place === '' || place.startsWith('node:') ? '' : `:${frame.lineNumber + 1}`;
  const name = `${frame.functionName || '(anonymous)'} ${place}${line}`.trimEnd();
  functions.set(name, (functions.get(name) ?? 0) + amount);
}
