/** Hashes, and what every type does with a key of another one. */
import { type Sequence, sequence } from './sequence.js';

export const hashesCorpus: readonly Sequence[] = [
  sequence(
    'fields',
    `hset h a 1
     hset h a 2 b 3
     hset h c
     hset h c 1 d
     hmset h a
     hmset h a 1 b
     hmset h e 5 f 6
     hget h a
     hget h none
     hget none a
     hmget h a none b
     hmget none a b
     hlen h
     hlen none
     hexists h a
     hexists h none
     hexists none a
     hstrlen h a
     hstrlen h none
     hstrlen none a
     hgetall h
     hgetall none
     hkeys h
     hvals h
     hkeys none
     hvals none
     hsetnx h a x
     hsetnx h g x
     hsetnx new g x
     hget new g
     hdel h a none a
     hdel h b c e f g
     exists h
     hdel h a
     type h
     type new
     hset h "" ""
     hget h ""
     hstrlen h ""
     hdel h ""
     dbsize`,
  ),
  sequence(
    'numbers in fields',
    `hincrby h n 5
     hincrby h n -7
     hincrby h n x
     hincrby h n 1.5
     hset h n 9223372036854775807
     hincrby h n 1
     hincrby h n -1
     hset h n abc
     hincrby h n 1
     hset h n " "
     hincrby h n 1
     hset h n 010
     hincrby h n 1
     hincrbyfloat h f 10.5
     hincrbyfloat h f 0.1
     hincrbyfloat h f -5
     hincrbyfloat h f 5.0e3
     hincrbyfloat h f abc
     hincrbyfloat h f ""
     hset h f foo
     hincrbyfloat h f 1
     hset h f 1e4932
     hincrbyfloat h f 1e4932
     hincrby new n 0
     hincrbyfloat new f 0
     hgetall new`,
  ),
  sequence(
    'random fields',
    `hrandfield none
     hrandfield none 5
     hrandfield none 0
     hrandfield none -5
     hset h a 1
     hrandfield h
     hrandfield h 1
     hrandfield h 5
     hrandfield h 0
     hrandfield h -3
     hrandfield h -2 withvalues
     hrandfield h 2 withvalues
     hrandfield h x
     hrandfield h 1 foo
     hrandfield h 1 withvalues foo
     set s v
     hrandfield s
     hrandfield s 1`,
  ),
  sequence(
    'walks',
    `hscan h 0
     hscan h x
     hscan h 0 foo
     hset h a 1 b 2 c 3 ab 4
     hscan h 0
     hscan h 0 count 2
     hscan h 0 match a*
     hscan h 0 match a* count 100
     hscan h 0 count 0
     hscan h 0 count x
     hscan h 0 foo
     hscan h 0 foo bar
     hscan h 0 match
     hscan h 0 type hash
     hscan h 1.5
     sadd s a b 1 2
     sscan s 0
     sscan s 0 match [ab]
     sscan none 0
     zadd z 1 a 2.5 b
     zscan z 0
     zscan z 0 match b
     zscan none 0
     hscan s 0
     hscan s x
     sscan h 0
     zscan h 0`,
  ),
  sequence(
    'the wrong kind of value',
    `set s v
     hset h f v
     sadd e m
     zadd z 1 m
     rpush l i
     hset s f v
     hget s f
     hgetall l
     hdel e f
     hlen z
     hincrby s f 1
     hincrbyfloat s f 1
     hmget s f
     hsetnx s f v
     sadd h m
     srem s m
     smembers h
     spop l
     spop l 1
     srandmember z
     srandmember z 1
     sismember l m
     smismember l m
     scard z
     zadd s 1 m
     zadd e 1 m
     zscore h m
     zmscore h m
     zrange l 0 -1
     zrank e m
     zincrby h 1 m
     zrem l m
     zcard s
     zcount s 0 1
     zpopmin h
     zpopmax l 1
     zremrangebyrank s 0 1
     zremrangebyscore s 0 1
     lpush h i
     rpushx s i
     lpop z
     rpop z 1
     llen e
     lindex h 0
     lrange s 0 1
     lset s 0 x
     ltrim h 0 1
     lrem s 0 x
     linsert z before a b
     get h
     getset l v
     append e x
     incr z
     getrange h 0 1
     strlen l
     mget s h e z l
     type h
     type e
     type z
     type l
     getdel h
     set h v get
     set h v
     type h
     setnx e v
     del s h e z l
     dbsize`,
  ),
  sequence(
    'keys that hold collections',
    `hset h a 1
     sadd e m
     zadd z 1 m 2 n
     rpush l i j k
     rename h h2
     hgetall h2
     exists h
     copy z z2
     zadd z2 9 n
     zrange z 0 -1 withscores
     zrange z2 0 -1 withscores
     copy l l2
     lpush l2 x
     lrange l 0 -1
     lrange l2 0 -1
     expire e 100
     sadd e o
     ttl e
     persist e
     ttl e
     expire l -1
     exists l
     llen l
     scan 0 type hash count 100
     scan 0 type zset count 100
     scan 0 type list count 100
     renamenx z2 z
     renamenx z2 z3
     zcard z3
     unlink z z3 h2
     keys *`,
  ),
];
