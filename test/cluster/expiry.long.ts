/** A million keys that die at one moment. */
import { after, before, test } from 'node:test';
import { massExpiry } from './mass-expiry.js';
import { TalusCluster } from './talus-cluster.js';

const KEYS = 1_000_000;

let cluster: TalusCluster;

before(async () => {
  cluster = await TalusCluster.start();
});

after(() => cluster?.stop());

test('a million keys that die at one moment are gone for everyone at once, and no client hears of it', async (context) => {
  const { longestGapMs, removedAfterMs } = await massExpiry(cluster, KEYS);
  context.diagnostic(`removed after ${removedAfterMs} ms; longest gap of the others ${longestGapMs} ms`);
});
