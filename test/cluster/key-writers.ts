/**
 * Writers, each with a key of its own and a plain model of it, on a connection that hides nothing.
 *
 * Every reply is held against the model: an acknowledged write that is lost shows in the next reply, or in the key as it is read in the
 * end. When a command's fate is not known, the key is either of two: it is left alone from then on, and the writer begins another.
 */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Address, type Outcome, RespClient } from '../../jepsen-style/resp-client.js';
import type { RespReply } from '../../jepsen-style/resp-parser.js';
import { type Random, seededRandom } from '../../src/random.js';
import { type KeyKind, KINDS, type Step } from './key-kinds.js';

/** A key as it must be found: one of these, as its kind shows it. */
interface Expected {
  readonly key: string;
  readonly kind: KeyKind;
  readonly possible: readonly (readonly string[])[];
}

const TIMEOUT_MS = 15_000;
const RECONNECT_MS = 50;
/** Between two commands of one writer: the machine has other things to do. */
const PAUSE_MS = 2;
const ANSWER_MS_MAX = 60_000;

export class KeyWriters {
  /** Commands acknowledged. */
  acknowledged = 0;
  /** What else was heard, and how often. */
  readonly refusals = new Map<string, number>();
  /** Replies that the model doesn't know. */
  readonly faults: string[] = [];
  private readonly writers: Writer[];
  private paused = false;
  private over = false;
  private readonly running: Promise<unknown>;

  /** One of each kind for each address. */
  constructor(addresses: readonly Address[]) {
    const world: WriterWorld = {
      isPaused: () => this.paused,
      isOver: () => this.over,
      acknowledge: () => void this.acknowledged++,
      refuse: (why) => void this.refusals.set(why, (this.refusals.get(why) ?? 0) + 1),
      fault: (what) => void this.faults.push(what),
    };
    this.writers = addresses.flatMap((address, at) =>
      KINDS.map((kind, number) => new Writer(kind, `w${at}:${kind.name}`, address, world, at * 100 + number)),
    );
    this.running = Promise.all(this.writers.map((writer) => writer.run()));
  }

  /** Resolves when so many commands more are acknowledged. */
  async progress(commands: number, timeoutMs: number): Promise<void> {
    const from = this.acknowledged;
    const deadlineMs = performance.now() + timeoutMs;
    while (this.acknowledged < from + commands) {
      if (performance.now() > deadlineMs) {
        const heard = JSON.stringify([...this.refusals]);
        throw new Error(`stuck at ${this.acknowledged - from} of ${commands} commands; heard were ${heard}`);
      }
      await sleep(10);
    }
    assert.deepEqual(this.faults, []);
  }

  /** Empties the table, between two commands of every writer; what was of unknown fate is forgotten with it. */
  async flush(address: Address): Promise<void> {
    this.paused = true;
    while (this.writers.some((writer) => writer.isBusy)) await sleep(5);
    await untilAnswered(address, ['FLUSHALL']);
    for (const writer of this.writers) writer.begin();
    this.paused = false;
  }

  async stop(): Promise<void> {
    this.over = true;
    await this.running;
    assert.deepEqual(this.faults, []);
  }

  /** After `stop`: every key is as it should be. Answers how many there are. */
  async assertAllThere(address: Address): Promise<number> {
    const expected = this.writers.flatMap((writer) => writer.expected());
    for (const { key, kind, possible } of expected) {
      const found = kind.shown(await untilAnswered(address, kind.read(key)));
      assert.ok(
        possible.some((one) => one.length === found.length && one.every((part, i) => part === found[i])),
        `${key}: ${JSON.stringify(found).slice(0, 2000)}, not ${JSON.stringify(possible).slice(0, 4000)}`,
      );
    }
    return expected.length;
  }
}

interface WriterWorld {
  isPaused(): boolean;
  isOver(): boolean;
  acknowledge(): void;
  refuse(why: string): void;
  fault(what: string): void;
}

class Writer {
  isBusy = false;
  private readonly random: Random;
  private readonly left: Expected[] = [];
  private generation = 0;
  private key = '';
  private state: unknown;
  private client: RespClient | undefined;

  constructor(
    private readonly kind: KeyKind,
    private readonly name: string,
    private readonly address: Address,
    private readonly world: WriterWorld,
    seed: number,
  ) {
    this.random = seededRandom(seed, 0xc4a5);
    this.begin();
  }

  /** A new key; what was before is forgotten. */
  begin(): void {
    this.left.length = 0;
    this.renew();
  }

  async run(): Promise<void> {
    while (!this.world.isOver()) {
      if (this.world.isPaused()) await sleep(5);
      else await this.act();
      await sleep(PAUSE_MS);
    }
    this.client?.close();
  }

  expected(): readonly Expected[] {
    return [...this.left, { key: this.key, kind: this.kind, possible: [this.kind.text(this.state)] }];
  }

  private async act(): Promise<void> {
    this.isBusy = true;
    try {
      this.client ??= await RespClient.connect(this.address, TIMEOUT_MS);
      const step = this.kind.step(this.state, this.key, this.random);
      this.take(step, await this.client.call(...step.argv));
    } catch (why) {
      this.world.refuse(`connect: ${(why as Error).message}`);
      await sleep(RECONNECT_MS);
    } finally {
      if (this.client?.isOpen === false) this.client = undefined;
      this.isBusy = false;
    }
  }

  private take({ argv, after, reply }: Step, outcome: Outcome): void {
    if (outcome.kind === 'ok') {
      const said = textOf(outcome.reply);
      if (said !== reply) this.world.fault(`${argv.join(' ').slice(0, 200)} answered ${said}, not ${reply}`);
      this.state = after;
      this.world.acknowledge();
      return;
    }
    this.world.refuse(`${outcome.kind}: ${outcome.error}`);
    if (outcome.kind === 'unknown') {
      const possible = [this.kind.text(this.state), this.kind.text(after)];
      this.left.push({ key: this.key, kind: this.kind, possible });
      this.renew();
    }
  }

  private renew(): void {
    this.key = `${this.name}:${this.generation++}`;
    this.state = this.kind.empty;
  }
}

/** Asks again and again, on connections of its own. */
async function untilAnswered(
  address: Address,
  argv: readonly string[],
): Promise<Exclude<RespReply, { kind: 'error' }>> {
  let last = '';
  for (const deadlineMs = performance.now() + ANSWER_MS_MAX; performance.now() < deadlineMs; ) {
    try {
      const client = await RespClient.connect(address, TIMEOUT_MS);
      const outcome = await client.call(...argv);
      client.close();
      if (outcome.kind === 'ok') return outcome.reply;
      last = JSON.stringify(outcome);
    } catch (why) {
      last = String(why);
    }
    await sleep(RECONNECT_MS);
  }
  throw new Error(`${argv.join(' ')}: never answered: ${last}`);
}

function textOf(reply: RespReply): string {
  if (reply.kind === 'integer') return String(reply.value);
  if ('text' in reply) return reply.text;
  return reply.kind;
}
