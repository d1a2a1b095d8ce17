/**
 * A state machine small enough to be checked by eye, for tests of the slot beneath the commands: it touches every door of the
 * View and the Txn, and can break on purpose. Beside it, the same doors over a plain Map: the model that a slot is held to.
 */
import { seededRandom } from '../../src/random.js';
import type { CommandEntry } from '../../src/slot/entry.js';
import { hash14 } from '../../src/slot/hash.js';
import { hash32, nameOf, placeOf, positionOf } from '../../src/slot/keys.js';
import type { Argv, StateMachine } from '../../src/slot/machine.js';
import {
  type KeyRecord,
  PageFault,
  type ReadContext,
  type ScanPage,
  type Txn,
  type View,
  type WriteContext,
} from '../../src/slot/txn.js';
import { WithDoors } from './with-doors.js';

/** `set k v`, `expire k atMs`, `del k`, `both k k v`, `roll k`, `boom k`, `clear`; `get k`, `size`, `scan from count`. */
export const tinyMachine: StateMachine<string> = {
  read: (view, argv, ctx) => readOne(view, argv, ctx),
  apply(txn, argv, ctx) {
    try {
      return { reply: writeOne(txn, argv, ctx), failed: false };
    } catch (thrown) {
      if (thrown instanceof PageFault) throw thrown;
      return { reply: `failed: ${(thrown as Error).message}`, failed: true };
    }
  },
  keys(argv) {
    const name = argv[0]!.toString();
    if (name === 'both') return [argv[1]!, argv[2]!];
    return ['set', 'expire', 'del', 'roll', 'boom', 'get'].includes(name) ? [argv[1]!] : [];
  },
};

export function argv(line: string): Buffer[] {
  return line.split(' ').map((word) => Buffer.from(word, 'latin1'));
}

function readOne(view: View, args: Argv, ctx: ReadContext): string {
  switch (args[0]!.toString()) {
    case 'get':
      return show(view.get(args[1]!));
    case 'size':
      return String(view.size());
    case 'time':
      return String(ctx.nowMs);
    case 'scan': {
      const { keys, next } = view.scan(Number(args[1]), Number(args[2]));
      return `${next ?? 'end'}: ${keys.map(({ key }) => nameOf(key)).join(' ')}`;
    }
    default:
      throw new Error(`no command ${args[0]}`);
  }
}

function writeOne(txn: Txn, args: Argv, ctx: WriteContext): string {
  const key = args[1]!;
  switch (args[0]!.toString()) {
    case 'set':
      txn.put(key, { kind: 'string', value: args[2]!, expireAtMs: undefined });
      return 'ok';
    case 'expire':
      return expire(txn, key, Number(args[2]), ctx);
    case 'del':
      return txn.delete(key) ? '1' : '0';
    case 'both':
      for (const one of [key, args[2]!])
        txn.put(one, { kind: 'string', value: args[3]!, expireAtMs: undefined });
      return 'ok';
    case 'roll':
      txn.put(key, { kind: 'string', value: Buffer.from(String(ctx.random.u32())), expireAtMs: undefined });
      return show(txn.get(key));
    case 'boom':
      txn.delete(key);
      txn.put(key, { kind: 'string', value: Buffer.from('half done'), expireAtMs: undefined });
      throw new Error('on purpose');
    case 'clear':
      txn.clear();
      return 'ok';
    default:
      return readOne(txn, args, ctx);
  }
}

function expire(txn: Txn, key: Buffer, expireAtMs: number, ctx: WriteContext): string {
  const record = txn.get(key);
  if (record === undefined) return '0';
  if (expireAtMs <= ctx.nowMs) txn.delete(key);
  else txn.put(key, { ...record, expireAtMs });
  return '1';
}

export function show(record: KeyRecord | undefined): string {
  if (record === undefined) return '(none)';
  const value = record.kind === 'string' ? String(record.value) : record.kind;
  return `${value}@${record.expireAtMs ?? 'never'}`;
}

/** What a slot should hold, the naive way. */
export class Model {
  records = new Map<string, KeyRecord>();

  apply(entry: CommandEntry, index: number): string[][] {
    for (const [name, { expireAtMs }] of this.records) {
      if (expireAtMs !== undefined && expireAtMs <= entry.timeMs) this.records.delete(name);
    }
    let position = 0;
    return entry.groups.map(({ commands }) =>
      commands.map((args) => {
        const before = new Map(this.records);
        const random = seededRandom(entry.seedHigh, entry.seedLow, position++);
        const ctx: WriteContext = { nowMs: entry.timeMs, index, random };
        const { reply, failed } = tinyMachine.apply(new ModelTxn(this.records), args, ctx);
        if (failed) this.records = before;
        return reply;
      }),
    );
  }

  /** Names in hash order. */
  get names(): string[] {
    const position = (name: string): number => positionOf(placeOf(Buffer.from(name, 'latin1')));
    return [...this.records.keys()].sort((a, b) => position(a) - position(b) || (a < b ? -1 : 1));
  }

  get expiring(): number {
    return [...this.records.values()].filter(({ expireAtMs }) => expireAtMs !== undefined).length;
  }
}

class ModelTxn extends WithDoors implements Txn {
  constructor(private readonly records: Map<string, KeyRecord>) {
    super();
  }

  get(key: Buffer): KeyRecord | undefined {
    return this.records.get(nameOf(key));
  }

  prefetch(): void {}

  size(): number {
    return this.records.size;
  }

  scan(from: number, count: number): ScanPage {
    const all = [...this.records]
      .map(([name, { kind }]) => ({ key: Buffer.from(name, 'latin1'), kind }))
      .map((one) => ({ ...one, position: hash14(one.key) * 4294967296 + hash32(one.key) }))
      .filter(({ position }) => position >= from)
      .sort((a, b) => a.position - b.position || Buffer.compare(a.key, b.key));
    const next = all.findIndex(({ position }, i) => i >= count && position !== all[i - 1]!.position);
    return next < 0
      ? { keys: all, next: undefined }
      : { keys: all.slice(0, next), next: all[next]!.position };
  }

  put(key: Buffer, record: KeyRecord): void {
    this.records.set(nameOf(key), record);
  }

  delete(key: Buffer): boolean {
    return this.records.delete(nameOf(key));
  }

  clear(): void {
    this.records.clear();
  }
}
