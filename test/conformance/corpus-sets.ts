/** Sets. */
import { type Sequence, sequence } from './sequence.js';

export const setsCorpus: readonly Sequence[] = [
  sequence(
    'members',
    `sadd s a b c a
     sadd s a
     sadd s d ""
     scard s
     scard none
     smembers s
     smembers none
     sismember s a
     sismember s z
     sismember none a
     smismember s a z "" b
     smismember none a b
     srem s a z
     srem s a
     srem none a
     srem s b c d ""
     exists s
     sadd n 1 2 3 10 007 -5
     smembers n
     sismember n 7
     sismember n 007
     srem n 1
     smembers n`,
  ),
  sequence(
    'random members',
    `spop none
     spop none 3
     srandmember none
     srandmember none 3
     srandmember none -3
     sadd s a
     srandmember s
     srandmember s 0
     srandmember s 5
     srandmember s -4
     srandmember s x
     srandmember s 1 2
     spop s 0
     spop s -1
     spop s x
     spop s 1 2
     spop s
     exists s
     sadd s a b c
     srandmember s 3
     srandmember s 10
     spop s 3
     exists s
     sadd s a b c
     spop s 100
     exists s`,
  ),
];
