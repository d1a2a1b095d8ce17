/**
 * The proof of the simulator: bugs put in on purpose, each of which the random worlds or the scripted story must find.
 *
 * A bug is an exact change of the compiled program, made in a copy. Where the text is no longer there the test fails: the bank is kept
 * with the code. The copy lives beside the original, so that it finds the same packages.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

interface Bug {
  readonly name: string;
  /** Below src, compiled. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

const BUGS: readonly Bug[] = [
  {
    name: 'the log is not synced',
    file: 'storage/binlog-writer.js',
    from: 'await file.append([bytes]);\n        await file.sync();',
    to: 'await file.append([bytes]);',
  },
  {
    name: 'recovery builds on what may not be on disk',
    file: 'storage/binlog-recovery.js',
    from: 'await file.sync();\n',
    to: '\n',
  },
  {
    name: 'votes and acks leave before the save',
    file: 'slot/slot.js',
    from: 'for (const message of ready.messages)\n',
    to: 'for (const message of [...ready.messages, ...ready.messagesAfterSave])\n',
  },
  {
    name: 'the own save counts before it is made',
    file: 'slot/slot.js',
    from: 'afterSave.push(() => this.afterSave(ready));',
    to: 'this.afterSave(ready);',
  },
  {
    name: 'a leader reads without asking a quorum',
    file: 'slot/slot.js',
    from: 'this.raft.readIndex(context, this.now());',
    to: 'this.requests.readIndexKnown(context, this.raft.status.commitIndex);',
  },
  {
    name: 'term and vote are forgotten at a restart',
    file: 'slot/slot.js',
    from: 'hardState: recovered?.hardState ?? {',
    to: 'hardState: {',
  },
  {
    name: 'a vote for any log',
    file: 'raft/vote.js',
    from: 'free && state.log.isUpToDate(message.lastIndex, message.lastTerm)',
    to: 'free',
  },
  {
    name: 'a write of unknown fate is asked again',
    file: 'node/router.js',
    from: "return request.kind === 'read' && request.deadlineMs",
    to: 'return request.deadlineMs',
  },
  {
    name: 'a checkpoint says one entry more than it holds',
    file: 'slot/slot.js',
    from: 'const meta = {\n            appliedIndex: this.appliedIndex,',
    to: 'const meta = {\n            appliedIndex: this.appliedIndex + 1,',
  },
  {
    name: 'a checkpoint is not synced',
    file: 'slot/checkpoint.js',
    from: 'await this.engine.write(batch, { sync: true });',
    to: 'await this.engine.write(batch, { sync: false });',
  },
  {
    name: 'a new leader stamps before it knows the last stamp',
    file: 'slot/slot.js',
    from: 'if (!this.isLeader || this.appliedTerm !== this.raft.status.term)',
    to: 'if (!this.isLeader)',
  },
  {
    name: "a write does not wait for its session's reads",
    file: 'slot/requests.js',
    from: "return request.kind === 'read' || lane.readsOut === 0;",
    to: 'return true;',
  },
  {
    name: "another leader's entry answers our clients",
    file: 'slot/requests.js',
    from: 'entry.term === term ?',
    to: 'entry.term > 0 ?',
  },
  {
    name: 'what a later command has passed is asked again',
    file: 'node/router.js',
    from: 'this.ranUpTo = Math.max(this.ranUpTo, request.sequence);',
    to: ';',
  },
  {
    name: 'runs evict what other runs wait for',
    file: 'slot/slot.js',
    from: ', this.pins.names());',
    to: ');',
  },
  {
    name: 'the expiry index keeps what it should lose',
    file: 'slot/state.js',
    from: 'current.storedExpireAtMs = written.record?.expireAtMs;',
    to: '',
  },
  {
    name: 'expired keys go on some entries only',
    file: 'slot/apply.js',
    from: 'this.state.publish(key, nameOf(key), undefined);',
    to: 'if (this.index % 2 === 0) this.state.publish(key, nameOf(key), undefined);',
  },
  {
    name: 'a snapshot on its way in is cleared as garbage',
    file: 'slot/checkpoint.js',
    from: 'this.reserved.add(stateId);',
    to: '',
  },
  {
    name: 'what was committed before a snapshot is applied after it',
    file: 'slot/slot.js',
    from: 'this.queue.length = 0;',
    to: '',
  },
];

const SEEDS_MAX = 2000;
const FOUND = 3;
const TIMEOUT_MS = 600_000;
const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

for (const bug of BUGS) {
  test(bug.name, (context) => {
    const copy = `${root}.bug`;
    rmSync(copy, { recursive: true, force: true });
    cpSync(root, copy, { recursive: true });
    context.after(() => rmSync(copy, { recursive: true, force: true }));
    const path = join(copy, 'src', bug.file);
    const text = readFileSync(path, 'utf8');
    assert.ok(text.includes(bug.from), `${bug.file} no longer says: ${bug.from}`);
    writeFileSync(path, text.replaceAll(bug.from, bug.to));
    const { status, stdout, stderr } = hunt(copy);
    assert.equal(status, FOUND, `not found in ${SEEDS_MAX} seeds ${stderr}`);
    context.diagnostic(stdout.trim());
  });
}

/** Ends with FOUND at the first run that fails. */
function hunt(copy: string): {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
} {
  const program = `
    const { simulate } = await import(${JSON.stringify(join(copy, 'test/sim/simulate.js'))});
    for (let seed = 1; seed <= ${SEEDS_MAX}; seed++) {
      await simulate(seed).catch((why) => {
        console.log('seed', seed, why.message.split('\\n')[0]);
        process.exit(${FOUND});
      });
    }`;
  const args = ['--input-type=module', '--eval', program];
  return spawnSync(process.execPath, args, { encoding: 'utf8', timeout: TIMEOUT_MS });
}
