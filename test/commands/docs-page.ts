/**
 * docs/commands.md, made from the command table. Run with `--write` to bring the page up to date; a test compares the two.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { CommandRow } from '../../src/commands/command.js';
import { commandTable } from '../../src/commands/table.js';

const GROUPS: readonly (readonly [CommandRow['group'], string])[] = [
  ['string', 'Strings'],
  ['hash', 'Hashes'],
  ['set', 'Sets'],
  ['sorted-set', 'Sorted sets'],
  ['list', 'Lists'],
  ['generic', 'Keys'],
  ['transactions', 'Transactions'],
  ['server', 'Server'],
  ['connection', 'Connection'],
  ['cluster', 'Cluster'],
];

const HEAD = `# Commands

Made from the command table (\`src/commands/table.ts\`); a test keeps the two equal. Behaviour, replies and error texts are those of
Redis 7.2 unless this page says otherwise, and are compared with a real Redis by \`test/conformance/\`.

*Arity* counts the command's name; a negative one is a minimum. *Over slots* says what happens when the keys of one command
live in several slots:

| over slots | meaning |
|---|---|
| one slot | all keys must share a slot (use a \`{hash tag}\`); else \`CROSSSLOT\`. Atomic. |
| split | sent to each slot with its own keys, replies merged. Atomic for the keys of one slot, not as a whole. |
| all slots | asked of every slot of the table, replies merged. Not atomic as a whole. |
| walk | goes from slot to slot by its cursor. |
| - | no keys: answered by the node that the client is connected to. |
`;

const TAIL = `## What differs from Redis

- A **table** is what a database is in Redis: \`SELECT\` takes an id or a name, \`AUTH <table> <password>\` opens and selects one.
  \`DBSIZE\`, \`KEYS\`, \`SCAN\`, \`FLUSHDB\` and \`FLUSHALL\` concern the selected table only.
- **Sizes**: a string holds at most 64 MiB. Longer ones are refused with Redis' text for \`proto-max-bulk-len\`.
- **Expiry** reaches to 2^53 - 1 ms since the epoch (the year 287,396); Redis goes to 2^63 - 1. Beyond: \`invalid expire time\`.
  A time that has already come deletes the key at once, also in \`SET ... EXAT\`, where Redis keeps the dead key for a while.
- **INCRBYFLOAT** computes in the 80-bit format of Redis on x86-64, in software, so that all replicas get Redis' digits.
- **SCAN**: the cursor is a position in hash order. It stays valid across restarts, failovers and slot moves, and a walk returns
  each key that was there all the while, usually exactly once. \`COUNT\` above 10,000 is taken as 10,000.
- **Order**: a hash's fields and a set's members come in the order of their hashes, not in that of insertion. Cursors of \`HSCAN\`,
  \`SSCAN\` and \`ZSCAN\` are positions in it, and hold what is said of \`SCAN\`. Up to 128 elements come in one step.
- **Scores**: minus zero is kept as zero. \`ZRANGE ... BYLEX\` and its relatives take the first member's score for that of all; where
  scores differ, Redis' answer isn't specified either.
- **Random picks** with repetition (a negative count) are at most 1,000,000 in one reply.
- **MGET, MSET, DEL, UNLINK, EXISTS, TOUCH** work over any keys; Redis Cluster refuses keys of several slots.
- **UNLINK** is \`DEL\`, **TOUCH** only counts, **CLIENT NO-EVICT** and **NO-TOUCH** are accepted: nothing is evicted.
- **HELLO 3** answers \`NOPROTO\`: RESP2 is spoken.
- **CLIENT LIST** shows the asking connection only. **CONFIG SET** is refused: settings are read-only at run time.
  **CONFIG RESETSTAT** is accepted and resets nothing: the counters are metrics.
- **DEBUG** has SLEEP only, and is refused unless the node has \`enable-debug-command\` set, as in Redis 7.
- **CLUSTER NODES** lists every node as a master with the ranges that it leads now; \`SLOTS\` and \`SHARDS\` tell followers, too.
- **READONLY** lets the replica on this node serve reads on either port; they are linearizable all the same. **READWRITE** ends it.
`;

export function renderPage(): string {
  const sections = GROUPS.map(([group, title]) => section(group, title)).filter((text) => text !== '');
  return [HEAD, ...sections, TAIL].join('\n');
}

function section(group: CommandRow['group'], title: string): string {
  const rows = commandTable
    .filter((row) => row.group === group)
    .flatMap((row) =>
      row.subcommands === undefined || row.arity === -1 ? [row, ...(row.subcommands ?? [])] : row.subcommands,
    );
  if (rows.length === 0) return '';
  const head = `## ${title}\n\n| command | arity | keys | over slots | what it does |\n|---|---|---|---|---|\n`;
  return `${head}${rows.map(line).join('')}`;
}

function line(row: CommandRow): string {
  const name = row.name.replace('|', ' ').toUpperCase();
  return `| \`${name}\` | ${row.arity} | ${keyPlaces(row)} | ${overSlots(row)} | ${row.summary} |\n`;
}

function keyPlaces({ keys }: CommandRow): string {
  if (keys === undefined) return '-';
  if (keys.first === keys.last) return String(keys.first);
  const step = keys.step === 1 ? '' : `, every ${keys.step}nd`;
  return `${keys.first} to ${keys.last < 0 ? 'the end' : keys.last}${step}`;
}

function overSlots({ keys, policy }: CommandRow): string {
  switch (policy?.request) {
    case 'multi_shard':
      return 'split';
    case 'all_shards':
      return 'all slots';
    case 'special':
      return 'walk';
    case undefined:
      return keys === undefined ? '-' : 'one slot';
  }
}

/** Output folders differ; the package's root is the nearest folder above whose package.json is this package's. */
export function pagePath(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!isRoot(folder)) folder = dirname(folder);
  return join(folder, 'docs', 'commands.md');
}

function isRoot(folder: string): boolean {
  try {
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).name === 'talus';
  } catch {
    if (dirname(folder) === folder) throw new Error('no package root above this file');
    return false;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url) && process.argv.includes('--write')) {
  writeFileSync(pagePath(), renderPage());
}
