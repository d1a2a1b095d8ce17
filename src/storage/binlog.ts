/**
 * The binlog: one physical, shared, append-only log a node; one logical Raft log a replica.
 * Interface only while it is being built: see the class below.
 */
