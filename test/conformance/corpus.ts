/** All sequences with known corner cases, in the order in which they run. */
import { gateCorpus } from './corpus-gate.js';
import { hashesCorpus } from './corpus-hashes.js';
import { keysCorpus } from './corpus-keys.js';
import { listsCorpus } from './corpus-lists.js';
import { numbersCorpus } from './corpus-numbers.js';
import { setsCorpus } from './corpus-sets.js';
import { sortedSetsCorpus } from './corpus-sorted-sets.js';
import { stringsCorpus } from './corpus-strings.js';
import type { Sequence } from './sequence.js';

export const corpus: readonly Sequence[] = [
  ...gateCorpus,
  ...stringsCorpus,
  ...numbersCorpus,
  ...keysCorpus,
  ...hashesCorpus,
  ...setsCorpus,
  ...sortedSetsCorpus,
  ...listsCorpus,
];
