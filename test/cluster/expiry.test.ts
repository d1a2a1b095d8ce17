/** Keys that all die at once, in their thousands: more than one entry removes, in every slot. */
import { after, before, test } from 'node:test';
import { massExpiry } from './mass-expiry.js';
import { TalusCluster } from './talus-cluster.js';

const KEYS = 30_000;
/** Few slots, so that each has to go on from entry to entry. */
const SLOTS = 4;

let cluster: TalusCluster;

before(async () => {
  cluster = await TalusCluster.start({ args: ['--slots', String(SLOTS)] });
});

after(() => cluster?.stop());

test('keys that die at one moment are gone for everyone at once, and no client hears of it', async (context) => {
  const { longestGapMs, removedAfterMs } = await massExpiry(cluster, KEYS);
  context.diagnostic(`removed after ${removedAfterMs} ms; longest gap of the others ${longestGapMs} ms`);
});
