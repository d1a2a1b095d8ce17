/**
 * A load of RESP commands. Closed: each connection sends its next batch when the last one is answered. Open: commands are sent when
 * they are due, whatever was answered, and a connection may have many on their way.
 */
import { Commands } from './commands.js';
import type { LoadPlan } from './plan.js';
import type { Recorder } from './recorder.js';
import { RespSocket } from './resp-socket.js';

/** Open only: a target that falls so far behind cannot keep the rate; the run ends there, with an error. */
const WAITING_MAX = 50_000;
const PACE_MS = 1;
/** What was answered is taken off a line so many at a time. */
const TAKEN_OFF_AT = 1000;

export async function runRespLoad(plan: LoadPlan, recorder: Recorder): Promise<void> {
  // A broken connection ends the run: a figure of fewer connections would be another figure.
  let fail!: (why: Error) => void;
  const failed = new Promise<never>((_resolve, reject) => {
    fail = reject;
  });
  failed.catch(() => {});
  const commands = plan.targets.map((target) => new Commands(plan, target));
  const sockets = await Promise.race([
    failed,
    Promise.all(
      Array.from({ length: plan.connections }, (_, at) =>
        RespSocket.open(plan.targets[at % plan.targets.length]!, plan, fail),
      ),
    ),
  ]);
  const run = plan.rate === undefined ? closed : open;
  await Promise.race([failed, run(plan, recorder, sockets, commands)]);
  for (const socket of sockets) {
    socket.close();
    const { errors, zeros, firstError } = socket.scanner;
    recorder.failed(
      errors + (plan.wait ? zeros : 0),
      firstError ?? (plan.wait && zeros > 0 ? 'WAIT: 0' : undefined),
    );
  }
}

async function closed(
  plan: LoadPlan,
  recorder: Recorder,
  sockets: readonly RespSocket[],
  commands: readonly Commands[],
): Promise<void> {
  await Promise.all(
    sockets.map((socket, at) => {
      const source = commands[at % commands.length]!;
      return new Promise<void>((resolve) => {
        let due = 0;
        let size = 0;
        let sentMs = 0;
        const send = (): void => {
          const batch = plan.mix === 'fill' ? source.fillBatch(plan.pipeline) : source.batch(plan.pipeline);
          size = batch.size;
          if (size === 0) return resolve();
          due = batch.replies;
          sentMs = performance.now();
          socket.write(batch.bytes);
        };
        socket.onReplies = (count) => {
          due -= count;
          if (due > 0) return;
          const nowMs = performance.now();
          recorder.done(nowMs, nowMs - sentMs, size);
          if (recorder.isOver(nowMs)) resolve();
          else send();
        };
        send();
      });
    }),
  );
}

/** One connection's commands that wait for their answers: when each was due, and how many replies it has yet to get. */
class Waiting {
  private line: { readonly dueMs: number; repliesLeft: number }[] = [];
  private first = 0;

  get length(): number {
    return this.line.length - this.first;
  }

  push(dueMs: number, replies: number): void {
    this.line.push({ dueMs, repliesLeft: replies });
  }

  answered(replies: number, nowMs: number, recorder: Recorder): void {
    for (let left = replies; left > 0; left--) {
      const command = this.line[this.first]!;
      command.repliesLeft -= 1;
      if (command.repliesLeft > 0) continue;
      recorder.done(nowMs, nowMs - command.dueMs, 1);
      this.first += 1;
    }
    if (this.first < TAKEN_OFF_AT) return;
    this.line = this.line.slice(this.first);
    this.first = 0;
  }
}

async function open(
  plan: LoadPlan,
  recorder: Recorder,
  sockets: readonly RespSocket[],
  commands: readonly Commands[],
): Promise<void> {
  const waiting = sockets.map(() => new Waiting());
  for (const [at, socket] of sockets.entries()) {
    socket.onReplies = (count) => waiting[at]!.answered(count, performance.now(), recorder);
  }
  const startMs = performance.now();
  let sent = 0;
  while (!recorder.isOver(performance.now())) {
    const nowMs = performance.now();
    const dueNow = Math.floor(((nowMs - startMs) / 1000) * plan.rate!);
    for (; sent < dueNow; sent++) {
      const at = sent % sockets.length;
      const { bytes, replies } = commands[at % commands.length]!.batch(1);
      waiting[at]!.push(startMs + ((sent + 1) / plan.rate!) * 1000, replies);
      sockets[at]!.write(bytes);
    }
    const behind = waiting.reduce((sum, { length }) => sum + length, 0);
    if (behind > WAITING_MAX) return recorder.failed(1, `cannot keep ${plan.rate}/s`);
    await new Promise((resolve) => setTimeout(resolve, PACE_MS));
  }
  // What is on its way has been counted or comes too late; one more answer tells the recorder that it is over.
  recorder.done(performance.now(), 0, 0);
}
