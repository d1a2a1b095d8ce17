/** `npm run sim:bugs [-- NAME ...]`: puts each bug of the bank in, looks for it, and prints the table of docs/simulator.md. */
import { availableParallelism } from 'node:os';
import { huntAll, readBugs, rowOf } from './bug-bank.js';

const wanted = process.argv.slice(2);
const bugs = readBugs().filter(({ name }) => wanted.length === 0 || wanted.includes(name));
const finds = await huntAll(bugs, Math.min(availableParallelism(), bugs.length), (find) => {
  console.log(rowOf(find));
  if (find.seed !== undefined) console.log(`    seed ${find.seed}: ${find.message}`);
});
console.log('\n| bug | seeds until found | found by | time |\n|---|---|---|---|');
for (const find of finds) console.log(rowOf(find));
const unfound = finds.filter(({ seed }) => seed === undefined);
console.log(`${finds.length} bugs, ${unfound.length} not found`);
process.exitCode = unfound.length === 0 && finds.length > 0 ? 0 : 1;
