/**
 * Commands as one line of text against a fake slot, and replies as one line of text back.
 */
import { InvariantError } from '../../src/assert.js';
import { runLocal } from '../../src/commands/local.js';
import type { Session } from '../../src/commands/session.js';
import { type Outcome, stateMachine } from '../../src/commands/state-machine.js';
import { gate, isLocal, isRead, refusal } from '../../src/commands/table.js';
import type { Reply } from '../../src/resp/reply.js';
import { PageFault } from '../../src/slot/txn.js';
import type { FakeSlot } from './fake-slot.js';

export type Argv = readonly Buffer[];

/** Words split at blanks; `""` is the empty word. */
export function words(line: string): Argv {
  return line.split(' ').map((word) => Buffer.from(word === '""' ? '' : word, 'latin1'));
}

export function show(reply: Reply): string {
  switch (reply.kind) {
    case 'simple':
      return `+${reply.text}`;
    case 'error':
      return `-${reply.text}`;
    case 'integer':
      return `:${reply.value}`;
    case 'bulk':
    case 'verbatim':
      return JSON.stringify(reply.bytes.toString('latin1'));
    case 'latin1':
      return JSON.stringify(reply.text);
    case 'null':
      return 'nil';
    case 'map':
      return `{${reply.entries.map(([key, value]) => `${show(key)}: ${show(value)}`).join(', ')}}`;
    case 'array':
    case 'push':
    case 'set':
      return `[${reply.items.map(show).join(', ')}]`;
    case 'double':
    case 'boolean':
      return String(reply.value);
  }
}

/** As the node would: gate, then parse, then the slot. A fault of the first run is answered by a second. */
export function execute(slot: FakeSlot, argv: Argv, faultAt?: number): Reply {
  const gated = gate(argv);
  if (gated.kind === 'refused') return gated.reply;
  const refused = refusal(gated.row, argv);
  if (refused !== undefined) return refused;
  if (isLocal(gated.row)) throw new InvariantError(`${gated.row.name} runs on a node`);
  return isRead(gated.row) ? runRead(slot, argv, faultAt) : runWrite(slot, argv, faultAt).reply;
}

export function run(slot: FakeSlot, line: string): string {
  return show(execute(slot, words(line)));
}

export async function runOnNode(session: Session, line: string): Promise<string> {
  const argv = words(line);
  const gated = gate(argv);
  if (gated.kind === 'refused') return show(gated.reply);
  if (!isLocal(gated.row)) throw new InvariantError(`${gated.row.name} runs on a slot`);
  return show(await runLocal(gated.row, session, argv));
}

function runRead(slot: FakeSlot, argv: Argv, faultAt?: number): Reply {
  return withoutFault(
    () => stateMachine.read(slot.begin(faultAt), argv, slot.context()),
    () => stateMachine.read(slot.begin(), argv, slot.context()),
  );
}

function runWrite(slot: FakeSlot, argv: Argv, faultAt?: number): Outcome {
  const attempt = (fault?: number): Outcome => {
    const txn = slot.begin(fault);
    const outcome = stateMachine.apply(txn, argv, slot.context());
    if (!outcome.failed) slot.commit(txn);
    return outcome;
  };
  return withoutFault(
    () => attempt(faultAt),
    () => attempt(),
  );
}

function withoutFault<Result>(first: () => Result, again: () => Result): Result {
  try {
    return first();
  } catch (thrown) {
    if (thrown instanceof PageFault) return again();
    throw thrown;
  }
}
