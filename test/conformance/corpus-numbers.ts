/** Strings as numbers: the edges of 64 bits, and the digits of an 80-bit float. */
import { type Sequence, sequence } from './sequence.js';

export const numbersCorpus: readonly Sequence[] = [
  sequence(
    'integers',
    `incr n
     incr n
     decr n
     incrby n 10
     decrby n 3
     incrby n -20
     get n
     set n 9223372036854775806
     incr n
     incr n
     get n
     decr n
     set n -9223372036854775808
     decr n
     incrby n 9223372036854775807
     incrby n 9223372036854775807
     incrby n 9223372036854775807
     decrby n -9223372036854775808
     decrby n 9223372036854775808
     set n 9007199254740991
     incr n
     incrby n 9007199254740993
     decrby n 9007199254740993
     decrby n 2
     set n 0
     decrby n 9223372036854775807
     decr n
     decr n
     set n abc
     incr n
     set n 010
     incr n
     set n +1
     incr n
     set n -0
     incr n
     set n 1.0
     incr n
     set n ""
     incr n
     set n 12345678901234567890
     incr n
     set n -
     incr n
     incrby n2 x
     incrby n2 ""
     incrby n2 1.5
     incrby n2 +5
     incrby n2 99999999999999999999
     exists n2
     setex t 100 5
     incr t
     ttl t`,
  ),
  sequence(
    'floats',
    `set f 10.50
     incrbyfloat f 0.1
     incrbyfloat f -5
     set f 5.0e3
     incrbyfloat f 2.0e2
     incrbyfloat f 200.1
     incrbyfloat new 3.14
     incrbyfloat new -3.14
     get new
     set f 3
     incrbyfloat f 1.1
     set f 1
     incrbyfloat f 17179869184.75
     incrbyfloat f 1e18
     incrbyfloat f 0.3
     set f 17179869184
     incrbyfloat f 1.5
     set f 1
     incrbyfloat f 1e-18
     incrbyfloat f 1e-17
     set f 0
     incrbyfloat f -1e-30
     incrbyfloat f 1e4000
     set f 1e4932
     incrbyfloat f 1e4932
     incrbyfloat f inf
     incrbyfloat f -infinity
     incrbyfloat f nan
     incrbyfloat f 1e5000
     incrbyfloat f 1e-5000
     incrbyfloat f 1e-4940
     incrbyfloat f abc
     incrbyfloat f ""
     incrbyfloat f 1.5x
     set f 1
     incrbyfloat f 0x10
     incrbyfloat f 0x1.8p1
     incrbyfloat f .5
     incrbyfloat f 5.
     incrbyfloat f +1
     incrbyfloat f 1e
     incrbyfloat f e5
     incrbyfloat f .
     incrbyfloat f 1e3
     set f foo
     incrbyfloat f 1
     set f inf
     incrbyfloat f 1
     set f ""
     incrbyfloat f 1
     setex t 100 5
     incrbyfloat t 0.5
     ttl t
     set f 99999999999999999999
     incrbyfloat f 1
     incrbyfloat f 0.5
     set f 0.1
     incrbyfloat f 0.2
     incrbyfloat f 1234567890123.4567`,
  ),
];
