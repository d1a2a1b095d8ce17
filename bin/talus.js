#!/usr/bin/env node
// LevelDB, fsync and scrypt share libuv's pool; four threads would make the log queue behind reads.
process.env.UV_THREADPOOL_SIZE ??= '16';
await import('../dist/src/cli/main.js');
