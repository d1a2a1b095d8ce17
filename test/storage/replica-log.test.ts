/** What memory knows of a log stays in step with itself, whatever is appended, cut, copied forward and dropped. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../src/random.js';
import { ReplicaLog } from '../../src/storage/replica-log.js';

test('the regions of a segment are those that lie in it', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = seededRandom(seed);
    const dice = (sides: number): number => random.u32() % sides;
    const log = new ReplicaLog(1);
    let segment = 1;
    let offset = 0;
    const place = () => {
      if (dice(20) === 0) {
        segment++;
        offset = 0;
      }
      const begin = offset;
      offset += 1 + dice(200_000);
      return { segment, offset: begin, endOffset: offset };
    };
    for (let step = 0; step < 200; step++) {
      const { compactedIndex, lastIndex } = log;
      const some = (from: number): number => from + dice(Math.max(1, lastIndex - from + 1));
      const kind = dice(20);
      if (kind < 12) {
        const first = dice(10) === 0 && lastIndex > compactedIndex ? some(compactedIndex + 1) : lastIndex + 1;
        log.append([{ first, last: first + dice(5), term: 1 + step }], place());
      } else if (kind < 16 && lastIndex > compactedIndex) {
        const first = some(compactedIndex + 1);
        const old = log.regionOf(first)!;
        const run = { first, last: Math.min(old.last, first + dice(3)), term: old.term };
        log.copy([run], place(), (region) => region.segment === old.segment);
      } else if (kind < 19) log.startAfter(some(compactedIndex), 1);
      else if (dice(5) === 0) log.restartAfter(lastIndex + dice(3), 1);
      for (let each = 1; each <= segment; each++) {
        const expected = log.regions.filter((region) => region.segment === each);
        assert.deepEqual(log.regionsIn(each), expected, `seed ${seed}, step ${step}, segment ${each}`);
      }
    }
  }
});
