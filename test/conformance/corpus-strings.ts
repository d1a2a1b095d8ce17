/** Strings as wholes, in parts and together. */
import { type Sequence, sequence } from './sequence.js';

export const stringsCorpus: readonly Sequence[] = [
  sequence(
    'SET and its options',
    `set k v
     get k
     SET k v2 NX
     set k v2 nx get
     set k v2 xx
     set none v xx
     set none v xx get
     exists none
     set k v3 get
     set new v get
     set k v ex 100
     ttl k
     set k v keepttl
     ttl k
     set k v
     ttl k
     set k v px 100000 nx
     set k v px 100000
     pttl k
     set k v exat 32503680000
     expiretime k
     set k v pxat 32503680000123
     pexpiretime k
     expiretime k
     set k v ex 10 ex 20
     ttl k
     set k v ex 10 px 20
     set k v ex 10 keepttl
     set k v keepttl ex 10
     set k v nx xx
     set k v xx nx
     set k v nx nx
     set k v get get
     set k v ex
     set k v ex abc
     set k v ex 0
     set k v ex -1
     set k v px 0
     set k v exat 0
     set k v pxat -5
     set k v ex 9223372036854775807
     set k v ex 9223372036854776
     set k v px 9223372036854775807
     set k v ex 99999999999999999999
     set k v ex 1.5
     set k v persist
     set k v foo
     set k v nx ex 10 get
     get k
     set k v exat 1
     get k
     set k v
     set k w pxat 1 get
     exists k
     set "" empty
     get ""
     set e ""
     get e
     strlen e`,
  ),
  sequence(
    'relatives of SET',
    `setnx a 1
     setnx a 2
     get a
     setex a 100 v
     ttl a
     setex a 0 v
     setex a -1 v
     setex a x v
     setex a 9223372036854775807 v
     psetex a 100000 v
     pttl a
     psetex a 0 v
     psetex a x v
     psetex a 9223372036854775807 v
     getset a w
     ttl a
     getset n w
     getdel a
     getdel a
     getex n
     getex n ex 100
     ttl n
     getex n persist
     ttl n
     getex n px 100000
     getex n exat 32503680000
     expiretime n
     getex n pxat 32503680000000
     getex n ex 10 persist
     getex n persist ex 10
     getex n persist persist
     getex n ex
     getex n keepttl
     getex n nx
     getex n ex 0
     getex n ex -5
     getex n ex x
     getex n exat 1
     exists n
     getex missing ex 0
     getex missing ex x
     getex missing foo`,
  ),
  sequence(
    'many keys',
    `mset a 1 b 2 c 3
     mget a b none c a
     mset a 9 a 10
     get a
     msetnx a 1 z 2
     exists z
     msetnx y 1 z 2 y 3
     mget y z
     del a a none b
     unlink c y
     exists z z none
     touch z none
     dbsize
     type z
     type none
     mget none`,
  ),
  sequence(
    'parts of strings',
    `append a Hello
     append a _World
     get a
     append b ""
     exists b
     strlen a
     strlen none
     getrange a 0 4
     getrange a -5 -1
     getrange a 0 -1
     getrange a 3 1
     getrange a -1 -3
     getrange a 100 200
     getrange a -100 2
     getrange a 0 -100
     getrange a -100 -100
     getrange a -100 -200
     getrange a 2 9223372036854775807
     getrange a -9223372036854775808 1
     getrange none 0 -1
     getrange b 0 0
     getrange a x 1
     getrange a 1 x
     substr a 1 3
     setrange a 6 Redis
     get a
     setrange p 5 x
     get p
     setrange p 0 ""
     setrange none 3 ""
     exists none
     setrange a -1 x
     setrange a x y
     setrange a 536870912 x
     setrange a 9223372036854775807 x
     setrange a 9223372036854775808 x
     setex t 100 abc
     append t d
     ttl t
     setrange t 1 X
     ttl t
     get t`,
  ),
];
