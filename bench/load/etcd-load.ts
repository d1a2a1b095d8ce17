/**
 * A load of etcd calls, as bare as gRPC allows: KV.Put and KV.Range written by hand onto Node's HTTP/2, one stream a call, over a
 * few connections. A gRPC library would cost the generator several times as much.
 */
import { type ClientHttp2Session, connect } from 'node:http2';
import { commandsOfMix } from './commands.js';
import type { LoadPlan } from './plan.js';
import type { Recorder } from './recorder.js';

/** Beyond so many, more connections change nothing but the generator's cost. */
const SESSIONS_MAX = 16;
const PUT = '/etcdserverpb.KV/Put';
const RANGE = '/etcdserverpb.KV/Range';
const PACE_MS = 1;
const WAITING_MAX = 20_000;

export async function runEtcdLoad(plan: LoadPlan, recorder: Recorder): Promise<void> {
  let fail!: (why: Error) => void;
  const failed = new Promise<never>((_resolve, reject) => {
    fail = reject;
  });
  failed.catch(() => {});
  const { host, port } = plan.targets[0]!;
  const sessions = Array.from({ length: Math.min(plan.connections, SESSIONS_MAX) }, () =>
    connect(`http://${host}:${port}`).on('error', fail),
  );
  const calls = new Calls(plan, recorder, sessions, fail);
  await Promise.race([failed, plan.rate === undefined ? calls.closed() : calls.open(plan.rate)]);
  for (const session of sessions) session.destroy();
}

class Calls {
  private readonly value: Buffer;
  private readonly shares: readonly (readonly [command: string, share: number])[];
  private filled = 0;
  private waiting = 0;

  constructor(
    private readonly plan: LoadPlan,
    private readonly recorder: Recorder,
    private readonly sessions: readonly ClientHttp2Session[],
    private readonly fail: (why: Error) => void,
  ) {
    this.value = Buffer.alloc(plan.valueBytes, 'x');
    this.shares = commandsOfMix(plan.mix === 'fill' ? 'set' : plan.mix);
  }

  /** `connections` callers, each with one call on its way. */
  async closed(): Promise<void> {
    const callers = Array.from({ length: this.plan.connections }, async (_, at) => {
      for (let goesOn = true; goesOn; ) goesOn = await this.once(this.sessions[at % this.sessions.length]!);
    });
    await Promise.all(callers);
  }

  async open(rate: number): Promise<void> {
    const startMs = performance.now();
    let sent = 0;
    while (!this.recorder.isOver(performance.now())) {
      const dueNow = Math.floor(((performance.now() - startMs) / 1000) * rate);
      for (; sent < dueNow; sent++) {
        const dueMs = startMs + ((sent + 1) / rate) * 1000;
        this.waiting++;
        this.call(this.sessions[sent % this.sessions.length]!, this.randomKey(), () => {
          this.waiting--;
          const nowMs = performance.now();
          this.recorder.done(nowMs, nowMs - dueMs, 1);
        });
      }
      if (this.waiting > WAITING_MAX) return this.recorder.failed(1, `etcd cannot keep ${rate}/s`);
      await new Promise((resolve) => setTimeout(resolve, PACE_MS));
    }
    this.recorder.done(performance.now(), 0, 0);
  }

  /** False when no further call is to follow. */
  private once(session: ClientHttp2Session): Promise<boolean> {
    const isFill = this.plan.mix === 'fill';
    if (isFill && this.filled >= this.plan.keys) return Promise.resolve(false);
    const key = isFill ? this.filled++ : this.randomKey();
    const sentMs = performance.now();
    return new Promise((resolve) => {
      this.call(session, key, () => {
        const nowMs = performance.now();
        this.recorder.done(nowMs, nowMs - sentMs, 1);
        resolve(isFill || !this.recorder.isOver(nowMs));
      });
    });
  }

  private call(session: ClientHttp2Session, key: number, done: () => void): void {
    const isRead = this.isRead();
    const stream = session.request({
      ':method': 'POST',
      ':path': isRead ? RANGE : PUT,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const take = (headers: { readonly [name: string]: unknown }): void => {
      const status = headers['grpc-status'];
      if (status === undefined || status === '0') return;
      this.recorder.failed(1, `grpc-status ${status}: ${headers['grpc-message']}`);
    };
    stream.on('response', take).on('trailers', take).on('error', this.fail).on('end', done).resume();
    const name = Buffer.from(`key:${String(key).padStart(12, '0')}`);
    stream.end(frame(isRead ? [name] : [name, this.value]));
  }

  private isRead(): boolean {
    const [first, second] = this.shares;
    return second === undefined ? first![0] === 'get' : Math.random() < first![1];
  }

  private randomKey(): number {
    return Math.floor(Math.random() * this.plan.keys);
  }
}

/** A gRPC message of protobuf fields 1, 2, ...: PutRequest's key and value, RangeRequest's key. */
function frame(fields: readonly Buffer[]): Buffer {
  const parts = fields.flatMap((bytes, at) => [
    Buffer.from([((at + 1) << 3) | 2]),
    varint(bytes.length),
    bytes,
  ]);
  const body = Buffer.concat(parts);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(body.length, 1);
  return Buffer.concat([head, body]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest & 127) | 128);
  }
}
