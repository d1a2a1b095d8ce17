/** Sorted sets: scores, ranks, ranges. */
import { type Sequence, sequence } from './sequence.js';

export const sortedSetsCorpus: readonly Sequence[] = [
  sequence(
    'ZADD and its options',
    `zadd z 1 a
     zadd z 1 a 2 b
     zadd z 3 a
     zadd z ch 4 a 5 c
     zadd z nx 9 a 9 d
     zadd z xx 9 a 9 e
     zadd z xx ch 10 a 9 e
     zadd z gt 5 a 20 b
     zadd z gt ch 30 a 1 b
     zadd z lt ch 5 a 100 b
     zadd z gt 7 f
     zadd z nx xx 1 a
     zadd z gt lt 1 a
     zadd z gt nx 1 a
     zadd z nx lt 1 a
     zadd z xx gt 50 a
     zadd z incr 5 a
     zadd z incr 5 new
     zadd z nx incr 5 a
     zadd z xx incr 5 none
     zadd z gt incr -1 a
     zadd z incr 1 a 2 b
     zadd z x a
     zadd z 1 a b
     zadd z 1 a x b
     zadd z nx
     zadd z nx 1
     zadd z foo 1 a
     zadd z inf i -inf j
     zadd z +inf i
     zadd z infinity i
     zadd z nan n
     zadd z 1e400 n
     zadd z 1e-400 n
     zadd z 0x10 hex
     zadd z 1.5e3 exp
     zadd z .5 half
     zadd z 5. five
     zadd z "" e
     zscore z hex
     zrange z 0 -1 withscores
     zadd z incr -inf i
     zincrby z -inf i
     zincrby z 1.5 a
     zincrby z x a
     zincrby z 3 fresh
     zincrby none 2 m
     zscore none m
     zcard z
     zadd x xx 1 a
     exists x`,
  ),
  sequence(
    'members and pops',
    `zadd z 1 a 2 b 3 c 4 d
     zscore z a
     zscore z none
     zscore none a
     zmscore z a none d
     zmscore none a b
     zcard z
     zcard none
     zrem z a none a
     zrem none a
     zrank z b
     zrank z d
     zrank z none
     zrank none b
     zrevrank z b
     zrevrank z d
     zrevrank none b
     zrank z a withscore
     zrevrank z a withscore
     zpopmin z
     zpopmax z
     zpopmin none
     zpopmax none 3
     zpopmin z 0
     zpopmin z -1
     zpopmin z x
     zpopmin z 1 2
     zpopmin z 10
     exists z
     zadd z 1 a 1 b 1 c
     zpopmax z 2
     zrem z a
     exists z
     zrandmember none
     zrandmember none 3
     zadd z 1 a
     zrandmember z
     zrandmember z 3
     zrandmember z -3
     zrandmember z -2 withscores
     zrandmember z 1 foo
     zrandmember z x`,
  ),
  sequence(
    'ranges by index and score',
    `zadd z 1 a 2 b 2 bb 3 c 3.5 d inf e -inf f
     zrange z 0 -1
     zrange z 0 -1 withscores
     zrange z 1 2
     zrange z -2 -1
     zrange z 5 1
     zrange z 0 100
     zrange z -100 2
     zrange z x 1
     zrange z 0 -1 rev
     zrange z 0 1 rev withscores
     zrange z 0 -1 foo
     zrange z 0 -1 limit 0 1
     zrange z 0 -1 limit 0
     zrange none 0 -1
     zrevrange z 0 -1
     zrevrange z 1 2 withscores
     zrevrange z 0 -1 rev
     zrevrange z 0 -1 limit 0 1
     zrevrange z 0 1 byscore
     zrange z 1 3 byscore
     zrange z (1 3 byscore
     zrange z (1 (3 byscore withscores
     zrange z -inf +inf byscore
     zrange z (-inf (+inf byscore
     zrange z 3 1 byscore
     zrange z 3 1 byscore rev
     zrange z +inf -inf byscore rev limit 1 2
     zrange z -inf +inf byscore limit 1 2
     zrange z -inf +inf byscore limit 1 -1
     zrange z -inf +inf byscore limit -1 2
     zrange z -inf +inf byscore limit 100 2
     zrange z -inf +inf byscore limit x 2
     zrange z x 1 byscore
     zrange z 1 (x byscore
     zrange z nan 1 byscore
     zrange z 1 2 byscore bylex
     zrangebyscore z 2 3
     zrangebyscore z (2 3 withscores
     zrangebyscore z -inf inf withscores limit 1 3
     zrangebyscore z 2 3 limit 0 0
     zrangebyscore z 2 3 limit
     zrangebyscore z 2 3 rev
     zrangebyscore z 2 2
     zrangebyscore z (2 (2
     zrangebyscore z (2 2
     zrangebyscore z 1e400 inf
     zrangebyscore none 1 2
     zrangebyscore none x 2
     zrevrangebyscore z 3 2
     zrevrangebyscore z +inf (2 withscores limit 0 2
     zrevrangebyscore z 2 3
     zcount z -inf +inf
     zcount z 2 3
     zcount z (2 3
     zcount z (2 (3
     zcount z 3 2
     zcount none 1 2
     zcount z x 2
     zremrangebyscore z (1 2
     zrange z 0 -1
     zremrangebyscore z x 2
     zremrangebyscore none 1 2
     zremrangebyrank z 0 0
     zremrangebyrank z -1 -1
     zremrangebyrank z 5 10
     zremrangebyrank z x 1
     zrange z 0 -1
     zremrangebyrank z 0 -1
     exists z
     zremrangebyrank none 0 1`,
  ),
  sequence(
    'ranges by name',
    `zadd z 0 a 0 b 0 c 0 aa 0 ab 0 ""
     zrange z - + bylex
     zrange z [a [b bylex
     zrange z (a [b bylex
     zrange z (a (b bylex
     zrange z [b [a bylex
     zrange z + - bylex rev
     zrange z [c (a bylex rev limit 1 2
     zrange z - + bylex limit 1 2
     zrange z - + bylex withscores
     zrange z a + bylex
     zrange z - b bylex
     zrange z + - bylex
     zrangebylex z - (b
     zrangebylex z [aa [ab
     zrangebylex z - + limit 2 2
     zrangebylex z - + withscores
     zrangebylex none - +
     zrangebylex z foo +
     zrevrangebylex z + [a
     zrevrangebylex z (c - limit 0 2
     zlexcount z - +
     zlexcount z (a (c
     zlexcount z [a [a
     zlexcount z + -
     zlexcount none - +
     zlexcount z x +
     zremrangebylex z [aa [ab
     zremrangebylex z x +
     zrange z 0 -1
     zremrangebylex z - +
     exists z`,
  ),
];
