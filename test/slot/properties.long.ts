/**
 * Ten thousand runs of each property of a slot's state: records, collections, and trees over both engines; against their plain models,
 * through faults, checkpoints, crashes and reloads.
 */
process.env.TALUS_PROPERTY_RUNS ??= '10000';
await import('./state.test.js');
await import('./collections.test.js');
await import('./tree-lives.test.js');
