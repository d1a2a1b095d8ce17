/**
 * The clients of a run: each on one node, with several commands under way, connecting again when its connection is gone.
 *
 * A command without a reply when its connection ends is of unknown fate, and nothing is asked again. A session's name is new with
 * each connection.
 */
import type { Random } from '../../src/random.js';
import type { Reply } from '../../src/resp/reply.js';
import type { Fate } from './history.js';
import type { Scheduler } from './scheduler.js';
import type { ClientConnection, ClientEvents } from './sim-client.js';
import { type Command, encodeCommand } from './workload.js';

export interface ClientsWorld {
  readonly scheduler: Scheduler;
  /** undefined while the machine refuses connections. */
  connect(machine: number, events: ClientEvents): ClientConnection | undefined;
  counted(what: string): void;
  /** A client heard what became of its command. */
  settled(argv: readonly string[], fate: Fate): void;
}

export interface ClientSettings {
  readonly pipeline: number;
  readonly thinkUsMax: number;
  /** READONLY: its reads are served by the replica of its own node. */
  readonly readsHere?: boolean;
  /** The one that it selects; else the default one. */
  readonly table?: string;
}

/** What a client is to do: ask this, look again then, or ask nothing more. */
export type Next = Command | { readonly againAtUs: number } | undefined;

/** An answer later than this is no answer. */
const PATIENCE_US = 8_000_000;
const RECONNECT_US_MAX = 60_000;

export class SimClient {
  private connection: ClientConnection | undefined;
  private readonly waiting: Command[] = [];
  private sessions = 0;
  /** Replies taken in, for telling whether there was one in time. */
  private answered = 0;
  private stopped = false;

  constructor(
    private readonly number: number,
    private readonly machine: number,
    private readonly world: ClientsWorld,
    private readonly random: Random,
    private readonly settings: ClientSettings,
    /** What to ask next; undefined: nothing more. */
    private readonly next: (session: string) => Next,
  ) {}

  /** Writes among what it waits for, of unknown fate so far. */
  get writesWaiting(): number {
    return this.waiting.filter(({ argv }) => !argv[0]!.endsWith('GET')).length;
  }

  get idle(): boolean {
    return this.waiting.length === 0;
  }

  get ended(): boolean {
    return this.stopped && this.idle;
  }

  start(): void {
    this.later(RECONNECT_US_MAX, 'client starts', () => this.act());
  }

  /** Asks for nothing more; what is under way goes on. */
  stop(): void {
    this.stopped = true;
  }

  /** The network takes the connection; false when there is none. */
  disconnect(): boolean {
    if (this.connection === undefined) return false;
    this.connection.abort();
    this.lost();
    return true;
  }

  private get session(): string {
    return `c${this.number}s${this.sessions}`;
  }

  private act(): void {
    if (this.stopped) return;
    let quietUs = 0;
    if (this.connection === undefined) this.connect();
    else if (this.waiting.length < this.settings.pipeline) quietUs = this.ask();
    const thinkUs = this.connection === undefined ? RECONNECT_US_MAX : this.settings.thinkUsMax;
    this.later(thinkUs, 'client acts', () => this.act(), quietUs);
  }

  private connect(): void {
    this.sessions++;
    const { session } = this;
    const current = (): boolean => this.session === session;
    this.connection = this.world.connect(this.machine, {
      reply: (reply) => current() && this.take(reply),
      closed: () => current() && this.lost(),
    });
    const { readsHere, table } = this.settings;
    if (readsHere === true) this.begin(READONLY);
    if (table !== undefined) this.begin(selectOf(table));
  }

  /** Said before anything else on a new connection. */
  private begin(command: Command): void {
    if (this.connection === undefined) return;
    this.waiting.push(command);
    this.connection.send(encodeCommand(command.argv));
  }

  /** Answers how long there will be nothing to ask. */
  private ask(): number {
    const commands: Command[] = [];
    let quietUs = 0;
    for (let left = 1 + this.random.below(this.settings.pipeline - this.waiting.length); left > 0; left--) {
      const next = this.next(this.session);
      if (next === undefined) this.stopped = true;
      else if ('againAtUs' in next) quietUs = next.againAtUs - this.world.scheduler.nowUs;
      else commands.push(next);
      if (commands.length === 0) return quietUs;
    }
    this.waiting.push(...commands);
    this.connection!.send(Buffer.concat(commands.map((command) => encodeCommand(command.argv))));
    this.expectAnswer();
    return quietUs;
  }

  private expectAnswer(): void {
    const { answered, session } = this;
    this.world.scheduler.after(PATIENCE_US, 'client patience', undefined, () => {
      if (this.session === session && this.answered === answered && this.waiting.length > 0)
        this.disconnect();
    });
  }

  private take(reply: Reply): void {
    this.answered++;
    const command = this.waiting.shift();
    if (command === undefined) throw new Error(`a reply that nobody asked for: ${JSON.stringify(reply)}`);
    const fate = fateOf(command, reply);
    this.world.counted(`commands ${fate}`);
    this.world.settled(command.argv, fate);
    command.settle(fate, reply);
  }

  private lost(): void {
    this.connection = undefined;
    this.world.counted('connections lost');
    for (const command of this.waiting.splice(0)) {
      this.world.counted('commands unknown');
      command.settle('unknown', undefined);
    }
  }

  private later(usMax: number, kind: string, run: () => void, atLeastUs = 0): void {
    this.world.scheduler.after(atLeastUs + this.random.below(usMax), kind, undefined, run);
  }
}

const READONLY: Command = { argv: ['READONLY'], settle: () => {} };

/** Else what follows would go to another table. */
function selectOf(table: string): Command {
  const settle = (fate: Fate): void => {
    if (fate === 'refused') throw new Error(`SELECT ${table} was refused`);
  };
  return { argv: ['SELECT', table], settle };
}

/** These say that nothing happened and nothing will. */
const REFUSALS = ['CLUSTERDOWN', 'TRYAGAIN', 'LOADING', 'MISCONF the disk is nearly full'];

export function fateOf(command: Command, reply: Reply): Fate {
  if (reply.kind !== 'error') return 'done';
  if (reply.text.startsWith('UNCERTAIN')) return 'unknown';
  if (REFUSALS.some((refusal) => reply.text.startsWith(refusal))) return 'refused';
  throw new Error(`${command.argv.join(' ').slice(0, 100)} was answered ${reply.text}`);
}
