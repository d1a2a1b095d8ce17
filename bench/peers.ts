/**
 * `npm run bench`: Talus beside its peers on one machine, the same load on all.
 *
 * Each combination of mix, connections and pipeline is a comparison (comparison.ts); the figures go to the screen as they come, and
 * whole into `bench/out/`. It has no goals: `npm run bench -- lines` has. What each peer promises for an answer is printed beside,
 * because a ratio between unequal promises is no rank.
 */

import { type Comparison, compare, fill, type LoadSpec, warmUp } from './comparison.js';
import { comparisonLines } from './comparison-text.js';
import { Fleet } from './fleet.js';
import { type PeersOptions, peersOptionsOf } from './options.js';
import { writeRun } from './out.js';
import type { Peer } from './peers/peer.js';
import { machine, type Verdict } from './report.js';

export async function runPeers(args: readonly string[]): Promise<Verdict> {
  const options = peersOptionsOf(args);
  console.log(machine());
  const { slots, nodes, leaders, hosts } = options;
  const fleet = new Fleet({
    slots,
    nodes,
    leaders,
    args: hosts === undefined ? [] : ['--hosts', `${hosts}`],
  });
  // Servers in process groups of their own outlive a killed bench; Ctrl-C must not leave them.
  const interrupted = (): void => void fleet.stop().finally(() => process.exit(1));
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  try {
    const peers = await fleet.peers(['talus', ...options.peers]);
    for (const { name, promise } of peers) console.log(`  ${name.padEnd(15)} ${promise}`);
    for (const why of fleet.skipped) console.log(`SKIPPED ${why}`);
    console.log('');
    const comparisons = await compareAll(options, peers);
    const file = writeRun({ what: 'peers', options, comparisons, skipped: fleet.skipped });
    console.log(`written to ${file}`);
    return fleet.skipped.length > 0 ? 'skipped' : 'met';
  } finally {
    await fleet.stop();
  }
}

async function compareAll(options: PeersOptions, peers: readonly Peer[]): Promise<Comparison[]> {
  const reads = options.mix.some((mix) => mix === 'get' || mix.includes('/'));
  if (reads) for (const peer of peers) await fill(peer, options.keys, options.value);
  const comparisons: Comparison[] = [];
  const take = async (load: LoadSpec, of: readonly Peer[]): Promise<void> => {
    const comparison = await compare(load, of, options.rounds, peers);
    comparisons.push(comparison);
    for (const line of comparisonLines(comparison)) console.log(line);
  };
  const loads = loadsOf(options);
  await warmUp(loads[0]!, peers);
  for (const load of loads) await take(load, peers);
  for (const load of checksOf(comparisons))
    await take(
      load,
      peers.filter(({ name }) => load.peers.includes(name)),
    );
  return comparisons;
}

function loadsOf(options: PeersOptions): readonly LoadSpec[] {
  const { value: valueBytes, keys, seconds, via, rate, generator } = options;
  const same = { valueBytes, keys, seconds, via, rate, generator };
  return options.mix.flatMap((mix) =>
    options.conns.flatMap((connections) =>
      options.pipeline.map((pipeline) => ({ ...same, mix, connections, pipeline })),
    ),
  );
}

/**
 * Where our own generator was used for SET, the same peers once more under `redis-benchmark`, as far as it can serve them, beside
 * our own: so that nobody need take our generator's word.
 */
function checksOf(
  comparisons: readonly Comparison[],
): readonly (LoadSpec & { readonly peers: readonly string[] })[] {
  const plain = comparisons.filter(({ load, generator, peers }) => {
    const isPlain =
      generator === 'own' && load.mix === 'set' && load.rate === undefined && load.via === 'one';
    return isPlain && load.generator === 'auto' && peers.length > 0;
  });
  const { load } = plain.find((one) => one.load.connections === 50) ?? plain.at(-1) ?? {};
  if (load === undefined) return [];
  const peers = ['talus', 'redis-async', 'ceiling'];
  return (['own', 'redis-benchmark'] as const).map((generator) => ({ ...load, generator, peers }));
}
