/** Keys whatever their type: death, names, walks. */
import { type Sequence, sequence } from './sequence.js';

export const keysCorpus: readonly Sequence[] = [
  sequence(
    'expiry',
    `set k v
     ttl k
     pttl k
     expiretime k
     pexpiretime k
     ttl none
     pttl none
     expiretime none
     pexpiretime none
     persist k
     persist none
     expire k 100
     ttl k
     pttl k
     expire k 200 nx
     expire k 200 xx
     ttl k
     expire k 150 gt
     expire k 300 gt
     ttl k
     expire k 400 lt
     expire k 100 lt
     ttl k
     expire k 50 xx gt
     expire k 1000 XX GT
     persist k
     expire k 100 gt
     expire k 100 xx
     expire k 100 lt
     persist k
     expire k 100 nx
     expire k 100 nx xx
     expire k 100 nx gt
     expire k 100 gt lt
     expire k 100 foo
     expire k 100 nx foo
     expire k x
     expire k 1.5
     expire k ""
     expire none x
     expire none 100
     expire none 100 foo
     pexpire k 100000
     expireat k 32503680000
     expiretime k
     pexpireat k 32503680000555
     pexpiretime k
     expiretime k
     pexpireat k 32503680000499 lt
     expiretime k
     expire k 9223372036854775807
     expire k -9223372036854775808
     expire k 9223372036854775
     pexpire k 9223372036854775807
     expireat k 9223372036854776
     expire none 9223372036854775807
     ttl k
     expire k -1
     exists k
     set k v
     expire k 0
     exists k
     set k v
     pexpireat k -9223372036854775808
     exists k
     set k v
     expireat k 1 nx
     exists k`,
  ),
  sequence(
    'renaming and copying',
    `rename none x
     renamenx none x
     setex a 100 v
     rename a b
     ttl b
     exists a
     rename b b
     renamenx b b
     set c w
     renamenx b c
     rename b c
     ttl c
     get c
     copy c d
     ttl d
     copy c d
     copy c d replace
     copy none d
     copy c d foo
     copy none e replace
     renamenx c f
     mget a b c d e f`,
  ),
  sequence(
    'walking keys',
    `mset key:1 a key:2 b key:3 c foo d fo e f^o g f-o h [x] i ? j * k
     keys *
     keys key:*
     keys key:?
     keys f[a-z]o
     keys f[^a-z]o
     keys f[\\^a]o
     keys f[z-a]o
     keys \\*
     keys \\?
     keys [[]x]
     keys \\[x]
     keys *o*
     keys ?
     keys **
     keys f[
     keys f[o
     keys f[o-
     keys ""
     keys key:[1-2]
     keys key:[12
     scan 0 count 1000
     scan 0 match key:* count 1000
     scan 0 type string count 1000
     scan 0 type STRING count 1000 match foo
     scan 0 type hash count 1000
     scan x
     scan -x
     scan 0 count
     scan 0 count 0
     scan 0 count -1
     scan 0 count x
     scan 0 foo
     scan 0 foo bar
     scan 0 match
     scan 0 match a match key:1 count 1000
     scan 99999999999999999999999
     dbsize
     flushdb foo
     flushdb async sync
     flushall foo
     flushdb async
     dbsize
     set a b
     flushall SYNC
     keys *`,
  ),
];
