/**
 * The tables of docs/performance.md, from the newest runs in `bench/out/`.
 *
 *   node dist/bench/performance-page.js [file.json ...]      prints them
 *   node dist/bench/performance-page.js --write [file.json ...]
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { packageRoot } from '../src/rpc/package-root.js';
import type { Comparison, PeerFigures } from './comparison.js';
import { loadName } from './comparison-text.js';
import { newestRun, type Run, readRun } from './out.js';

const PAGE = join(packageRoot(), 'docs', 'performance.md');
const BEGIN = '<!-- figures of peers: begin -->';
const END = '<!-- figures of peers: end -->';

const { values, positionals } = parseArgs({
  options: { write: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const runs = positionals.length > 0 ? positionals.map(readRun) : newest();
if (runs.length === 0) {
  console.error('no run in bench/out/: npm run bench first');
  process.exit(1);
}
const text = runs.map(tablesOf).join('\n\n');
if (values.write) writeInto(text);
else console.log(text);

function newest(): readonly Run[] {
  return ['peers', 'lines'].flatMap((what) => newestRun(what) ?? []);
}

function tablesOf(run: Run): string {
  const { versions, options } = run;
  const { rounds, seconds } = options as { readonly rounds: number; readonly seconds: number };
  const software = `Talus ${versions.talus}, Redis ${versions.redis}, etcd ${versions.etcd}`;
  const head = `${run.what === 'lines' ? 'The goals' : 'Beside peers'}, ${run.at.slice(0, 10)}: ${run.machine}; ${software}; ${rounds} rounds of ${seconds} s, medians.`;
  const skipped = run.skipped.map((why) => `Skipped: ${why}.`);
  return [
    head,
    ...skipped,
    '',
    '| load | by | a second | ours to it | p50 ms | p99 ms | CPU: servers, generator |',
    '|---|---|---|---|---|---|---|',
    ...run.comparisons.flatMap(rowsOf),
  ].join('\n');
}

function rowsOf(comparison: Comparison): readonly string[] {
  const [ours] = comparison.peers;
  const generator = comparison.generator === 'own' ? '' : ', by redis-benchmark';
  return comparison.peers.map((peer, at) => {
    const load = at === 0 ? loadName(comparison.load) + generator : '';
    const to = at === 0 ? '' : `**${(ours!.perSecond / peer.perSecond).toFixed(2)}x**`;
    const cells = [
      load,
      peer.name,
      Math.round(peer.perSecond),
      to,
      peer.p50Ms.toFixed(2),
      peer.p99Ms.toFixed(2),
    ];
    return `| ${[...cells, cpu(peer)].join(' | ')} |`;
  });
}

function cpu({ rounds }: PeerFigures): string {
  const last = rounds.at(-1)!;
  return `${last.serverCpu.toFixed(1)}, ${last.generatorCpu.toFixed(1)}`;
}

function writeInto(tables: string): void {
  const page = readFileSync(PAGE, 'utf8');
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${PAGE}: the marks of the figures are not there`);
  writeFileSync(PAGE, `${page.slice(0, begin + BEGIN.length)}\n${tables}\n${page.slice(end)}`);
}
