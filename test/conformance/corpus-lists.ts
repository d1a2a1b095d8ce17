/** Lists. */
import { type Sequence, sequence } from './sequence.js';

export const listsCorpus: readonly Sequence[] = [
  sequence(
    'ends',
    `rpush l a b c
     lpush l x y
     lrange l 0 -1
     llen l
     llen none
     lpushx none a
     rpushx none a
     lpushx l p q
     rpushx l r s
     lrange l 0 -1
     lpop l
     rpop l
     lpop none
     rpop none
     lpop none 2
     lpop none 0
     lpop l 0
     lpop l 2
     rpop l 3
     lpop l -1
     lpop l x
     lpop l 1 2
     rpop l 1 2
     rpop l 100
     exists l
     rpush l ""
     lpop l
     exists l`,
  ),
  sequence(
    'indexes and ranges',
    `rpush l a b c d e
     lindex l 0
     lindex l -1
     lindex l 4
     lindex l 5
     lindex l -5
     lindex l -6
     lindex l x
     lindex none 0
     lindex none x
     lrange l 1 2
     lrange l -2 -1
     lrange l 3 1
     lrange l -100 100
     lrange l 5 10
     lrange l -10 -6
     lrange l x 1
     lrange l 0 x
     lrange none 0 -1
     lset l 0 A
     lset l -1 E
     lset l 5 x
     lset l -6 x
     lset l x y
     lset none 0 x
     lset none x y
     lrange l 0 -1
     ltrim l 1 3
     lrange l 0 -1
     ltrim l x 1
     ltrim none 0 1
     ltrim l -2 -1
     lrange l 0 -1
     ltrim l 5 10
     exists l`,
  ),
  sequence(
    'by value',
    `rpush l a b a c a b
     lrem l 1 a
     lrange l 0 -1
     lrem l -1 a
     lrange l 0 -1
     lrem l 0 b
     lrange l 0 -1
     lrem l 0 none
     lrem l x a
     lrem none 0 a
     rpush l a a a
     lrem l -2 a
     lrange l 0 -1
     linsert l before c X
     linsert l AFTER c Y
     linsert l before none Z
     linsert l foo c Z
     linsert none before c Z
     linsert none foo c Z
     lrange l 0 -1
     lrem l 0 a
     lrem l 0 c
     lrem l 0 X
     lrem l 0 Y
     exists l`,
  ),
];
