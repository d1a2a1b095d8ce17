/** The lines of the damage matrix: what is done to which file, and what the node must say of it. */
import { cutAt, flipAt, type Harm, remove, zeroPageAt } from './damaged-cluster.js';

const SEGMENT = /\.seg$/;
const binlogSaid = /binlog\/\d+\.seg at \d+[^\n]*the binlog is damaged/;
const engineSaid = (file: string): RegExp => new RegExp(`engine/${file}[^\\n]*the engine is damaged`);

export const BINLOG_LINES: readonly Harm[] = [
  {
    what: "a bit flipped in a binlog segment's middle",
    folder: 'binlog',
    file: SEGMENT,
    which: 'middle',
    how: flipAt(0.5),
    said: binlogSaid,
  },
  {
    what: "a bit flipped in a binlog segment's header",
    folder: 'binlog',
    file: SEGMENT,
    which: 'middle',
    how: flipAt(0.0001),
    said: binlogSaid,
  },
  {
    what: "a bit flipped in the newest segment's middle",
    folder: 'binlog',
    file: SEGMENT,
    which: 'last',
    how: flipAt(0.5),
    said: binlogSaid,
  },
  {
    what: 'a zeroed page in a binlog segment',
    folder: 'binlog',
    file: SEGMENT,
    which: 'middle',
    how: zeroPageAt(0.5),
    said: binlogSaid,
  },
  {
    what: 'a truncated binlog segment',
    folder: 'binlog',
    file: SEGMENT,
    which: 'middle',
    how: cutAt(0.5),
    said: binlogSaid,
  },
  {
    what: 'the oldest binlog segment missing',
    folder: 'binlog',
    file: SEGMENT,
    which: 'first',
    how: remove,
    said: binlogSaid,
  },
  {
    what: 'a binlog segment missing in the middle',
    folder: 'binlog',
    file: SEGMENT,
    which: 'middle',
    how: remove,
    said: binlogSaid,
  },
  {
    what: 'the newest binlog segment missing',
    folder: 'binlog',
    file: SEGMENT,
    which: 'last',
    how: remove,
    said: binlogSaid,
  },
];

export const ENGINE_LINES: readonly Harm[] = [
  {
    what: "a bit flipped in the engine's log",
    folder: 'engine',
    file: /\.log$/,
    how: flipAt(0.4),
    said: engineSaid('\\d+\\.log'),
  },
  {
    what: "a zeroed page in the engine's log",
    folder: 'engine',
    file: /\.log$/,
    how: zeroPageAt(0.4),
    said: engineSaid('\\d+\\.log'),
  },
  {
    what: "the engine's log missing",
    folder: 'engine',
    file: /\.log$/,
    how: remove,
    said: engineSaid('\\d+\\.log'),
  },
  {
    what: 'a bit flipped in a table of the engine',
    folder: 'engine',
    file: /\.ldb$/,
    how: flipAt(0.3),
    said: engineSaid('\\d+\\.ldb'),
  },
  {
    what: 'a zeroed page in a table of the engine',
    folder: 'engine',
    file: /\.ldb$/,
    how: zeroPageAt(0.3),
    said: engineSaid('\\d+\\.ldb'),
  },
  {
    what: 'a truncated table of the engine',
    folder: 'engine',
    file: /\.ldb$/,
    how: cutAt(0.5),
    said: engineSaid('\\d+\\.ldb'),
  },
  {
    what: 'a table of the engine missing',
    folder: 'engine',
    file: /\.ldb$/,
    how: remove,
    said: engineSaid('\\d+\\.ldb'),
  },
  {
    what: "a bit flipped in the engine's manifest",
    folder: 'engine',
    file: /^MANIFEST/,
    how: flipAt(0.3),
    said: engineSaid('MANIFEST-\\d+'),
  },
  {
    what: "the engine's manifest cut short",
    folder: 'engine',
    file: /^MANIFEST/,
    how: cutAt(0.3),
    said: engineSaid('\\S+'),
  },
  {
    what: "the engine's manifest missing",
    folder: 'engine',
    file: /^MANIFEST/,
    how: remove,
    said: engineSaid('MANIFEST-\\d+'),
  },
  {
    what: 'a bit flipped in CURRENT',
    folder: 'engine',
    file: /^CURRENT$/,
    how: flipAt(0.5),
    said: engineSaid('\\S+'),
  },
  { what: 'CURRENT missing', folder: 'engine', file: /^CURRENT$/, how: remove, said: engineSaid('CURRENT') },
];
