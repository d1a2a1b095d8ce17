/**
 * `npm run bench -- [name] [options]`: the measurements, one by its name; without a name, `peers`.
 *
 * Each is a module that runs and returns its verdict, so that `goals` can run those that have goals one after the other.
 */
import { runDrops } from './drops.js';
import { runFailover } from './failover.js';
import { runIdle } from './idle.js';
import { runLines } from './lines.js';
import { runPeers } from './peers.js';
import { runProfile } from './profile.js';
import { runQuiet } from './quiet.js';
import { runReads } from './reads.js';
import { EXIT, type Verdict } from './report.js';
import { runSoak } from './soak.js';
import { runStorage } from './storage.js';

type Measurement = (args: readonly string[]) => Promise<Verdict>;

const MEASUREMENTS: Readonly<Record<string, readonly [run: Measurement, what: string]>> = {
  peers: [runPeers, 'the same load on Redis with two replicas, etcd and a ceiling beside it'],
  lines: [runLines, 'the goals of speed, line by line: --only 1,2'],
  profile: [runProfile, 'where a command spends its time, node by node: --load set50, get200, set50x16'],
  idle: [runIdle, 'what 1,024 slots cost without traffic, and a node killed among them'],
  failover: [runFailover, 'gaps between acknowledged writes when a leader is killed'],
  drops: [runDrops, 'the same when its packets to its peers are dropped without a word'],
  quiet: [runQuiet, 'full load without faults: no election'],
  reads: [runReads, 'GET by lease beside GET by read index'],
  storage: [runStorage, 'more data than memory, large collections, snapshots: bench:storage'],
  soak: [runSoak, 'everything at once for an hour: memory, handles and disk stay flat'],
  goals: [runGoals, 'idle, failover, drops, quiet and reads, one after the other'],
};

/** Each with its own defaults. */
async function runGoals(): Promise<Verdict> {
  const verdicts: (readonly [name: string, verdict: Verdict])[] = [];
  for (const name of ['idle', 'failover', 'drops', 'quiet', 'reads']) {
    verdicts.push([name, await MEASUREMENTS[name]![0]([])]);
  }
  for (const [name, verdict] of verdicts) console.log(`${verdict.toUpperCase().padEnd(8)}${name}`);
  const all = verdicts.map(([, verdict]) => verdict);
  return all.includes('missed') ? 'missed' : all.includes('skipped') ? 'skipped' : 'met';
}

const [first = '', ...rest] = process.argv.slice(2);
const isNamed = first !== '' && !first.startsWith('-');
const measurement = MEASUREMENTS[isNamed ? first : 'peers'];
if (measurement === undefined || first === '--help') {
  for (const [name, [, what]] of Object.entries(MEASUREMENTS)) console.log(`${name.padEnd(10)}${what}`);
  process.exit(first === '--help' ? 0 : EXIT.skipped);
}
const verdict = await measurement[0](isNamed ? rest : process.argv.slice(2));
process.exit(EXIT[verdict]);
