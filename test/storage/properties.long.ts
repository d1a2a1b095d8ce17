/** Ten thousand lives of a binlog, twenty on each disk, each cut short by a crash of every kind; against its model. */
process.env.TALUS_PROPERTY_RUNS ??= '500';
await import('./binlog-crash.test.js');
