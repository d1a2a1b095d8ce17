/** What is refused before it runs, and what the connection answers. */
import { type Sequence, sequence } from './sequence.js';

export const gateCorpus: readonly Sequence[] = [
  sequence(
    'unknown commands and wrong counts',
    `foo
     foo a b
     foo a b c d e f g h i j k l m n o p q r s t u v w x y z 1234567890 1234567890 1234567890 1234567890 1234567890 12345
     FOO aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa b
     aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
     get
     GET a b
     Set a
     config
     config foo
     CONFIG Foo bar
     config get
     config set a
     config help foo
     cluster foo
     client
     client foo
     client setname
     command foo
     command getkeys
     getdel
     mset
     mset a
     mset a b c
     msetnx a b c
     ping a b
     echo
     select
     time x
     dbsize x
     scan
     keys
     expire a
     ttl a b`,
  ),
  sequence(
    'WAIT with words that are no numbers, or none that could be meant: the count is looked at first',
    `wait
     wait 1
     wait 1 2 3
     wait x 0
     wait x y
     wait x -1
     wait 1.5 0
     wait +1 0
     wait 01 0
     wait "" 0
     wait 9223372036854775808 0
     wait -9223372036854775809 0
     wait 0 x
     wait 0 1.5
     wait 0 ""
     wait 0 -1
     wait -1 -1
     wait 1 -9223372036854775808
     wait 0 9223372036854775808
     command getkeys wait 1 0`,
  ),
  sequence(
    'the connection',
    `ping
     PING hello
     echo hi
     hello abc
     hello 4
     hello 1
     hello 2 foo
     hello 2 auth x
     hello 2 setname
     auth a b c
     client getname
     client setname bob
     client getname
     client setname ""
     client getname
     client list type foo
     client list foo bar
     client list id x
     client list id 0
     client no-evict foo
     client no-evict on
     client no-evict off
     client no-touch on
     client setinfo lib-name x
     command getkeys get k
     command getkeys mset a 1 b 2 c 3
     command getkeys mget a b c
     command getkeys rename a b
     command getkeys foo
     command getkeys ping
     command getkeys mset a
     command getkeys config get x
     command info nonexistent
     command list filterby foo bar
     command list filterby pattern GET[de]?*
     command list filterby module nonexistent
     command list foo
     command docs nonexistent
     config get nonexistent
     config set nonexistent 1
     select x y`,
  ),
];
