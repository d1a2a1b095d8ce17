/** A comparison as lines for the screen. */
import type { Comparison, LoadSpec, Measured, PeerFigures } from './comparison.js';
import { quantile } from './report.js';

/** A generator that is busy for more than this share of a core bounds what can be seen. */
const BUSY_CORES = 0.9;

export function loadName({ mix, connections, pipeline, rate, via }: LoadSpec): string {
  const pipelined = pipeline === 1 ? '' : ` x ${pipeline} pipelined`;
  const paced = rate === undefined ? '' : ` at ${rate}/s`;
  const conns = `${connections} connection${connections === 1 ? '' : 's'}`;
  return `${mix.toUpperCase()}, ${conns}${pipelined}${paced}${via === 'one' ? '' : `, via ${via}`}`;
}

export function comparisonLines(comparison: Comparison): string[] {
  const [ours] = comparison.peers;
  const head = `${loadName(comparison.load)} (${comparison.generator === 'own' ? 'own generator' : 'redis-benchmark'})`;
  return [head, ...comparison.peers.map((peer) => peerLine(peer, ours!)), ''];
}

function peerLine(peer: PeerFigures, ours: PeerFigures): string {
  const median = (of: (one: Measured) => number): string => quantile(peer.rounds.map(of), 0.5).toFixed(2);
  const isOurs = peer === ours;
  const words = [
    `  ${peer.name.padEnd(15)}`,
    `${Math.round(peer.perSecond)}/s`.padStart(10),
    isOurs ? ''.padEnd(14) : `  ours ${(ours.perSecond / peer.perSecond).toFixed(2)}x`.padEnd(14),
    `p50 ${peer.p50Ms.toFixed(2)} ms, p99 ${peer.p99Ms.toFixed(2)} ms`.padEnd(34),
    `CPU: servers ${median((one) => one.serverCpu)}, generator ${median((one) => one.generatorCpu)}`,
  ];
  return words.join('') + warnings(peer);
}

function warnings({ rounds }: PeerFigures): string {
  const errors = rounds.reduce((sum, round) => sum + round.errors, 0);
  const first = rounds.find(({ firstError }) => firstError !== undefined)?.firstError;
  const isBusy = rounds.some(({ generatorCpu }) => generatorCpu > BUSY_CORES);
  const words = errors > 0 ? [`${errors} ERRORS, first ${first}`] : [];
  if (isBusy) words.push('the generator was busy: a lower bound');
  return words.length === 0 ? '' : `; ${words.join('; ')}`;
}
