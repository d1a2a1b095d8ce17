/**
 * One watch on etcd: list, then a stream of what came after that list. Whatever goes wrong (a broken stream, compacted
 * history, an answer that fits nothing) ends in the same place: back off, list anew, tell the whole. So there is one
 * road to be right about, and a missed change cannot stay missed.
 *
 * Straight on etcd's Watch call rather than on etcd3's watcher, which throws from inside a stream's events when an answer
 * surprises it, where nobody can catch.
 */
import type { Env, Timer } from '../env.js';
import type { StoreChange, StoreView, Watch, WatchHandlers } from './store.js';

interface WatchAnswer {
  readonly created: boolean;
  readonly canceled: boolean;
  readonly cancel_reason: string;
  readonly events: readonly {
    readonly type: string;
    readonly kv: { readonly key: Buffer; readonly value: Buffer; readonly mod_revision: string };
  }[];
}

interface WatchStream {
  on(event: 'data', run: (answer: WatchAnswer) => void): unknown;
  on(event: 'error', run: (error: Error) => void): unknown;
  on(event: 'end', run: () => void): unknown;
  write(request: object): void;
  cancel(): void;
}

interface WatchParts {
  readonly env: Env;
  list(): Promise<StoreView>;
  openStream(): Promise<unknown>;
  readonly range: { readonly key: Buffer; readonly range_end: Buffer };
  nameOf(key: Buffer): string;
  onClosed(): void;
}

const BACKOFF_FIRST_MS = 100;
const BACKOFF_MAX_MS = 5000;

export class EtcdWatch implements Watch {
  private stream: WatchStream | undefined;
  private timer: Timer | undefined;
  private backoffMs = BACKOFF_FIRST_MS;
  private closed = false;

  constructor(
    private readonly handlers: WatchHandlers,
    private readonly parts: WatchParts,
  ) {
    this.timer = parts.env.after(0, () => void this.begin());
  }

  close(): void {
    this.closed = true;
    this.timer?.cancel();
    this.dropStream();
    this.parts.onClosed();
  }

  private async begin(): Promise<void> {
    try {
      const view = await this.parts.list();
      if (this.closed) return;
      this.handlers.onSnapshot(view);
      const stream = (await this.parts.openStream()) as WatchStream;
      if (this.closed) return stream.cancel();
      this.follow(stream, view.revision + 1);
    } catch (error) {
      this.beginAgain(error instanceof Error ? error.message : String(error));
    }
  }

  private follow(stream: WatchStream, startRevision: number): void {
    this.stream = stream;
    const broken = (why: string): void => {
      if (this.stream === stream) this.beginAgain(why);
    };
    stream.on('error', (error) => broken(error.message));
    stream.on('end', () => broken('stream ended'));
    stream.on('data', (answer) => {
      if (this.stream === stream) this.take(answer);
    });
    stream.write({ create_request: { ...this.parts.range, start_revision: startRevision } });
  }

  private take(answer: WatchAnswer): void {
    if (answer.canceled) {
      this.beginAgain(`canceled: ${answer.cancel_reason || 'history compacted'}`);
      return;
    }
    this.backoffMs = BACKOFF_FIRST_MS;
    if (answer.events.length > 0) this.handlers.onChanges(answer.events.map((event) => this.change(event)));
  }

  private change(event: WatchAnswer['events'][number]): StoreChange {
    const key = this.parts.nameOf(event.kv.key);
    const revision = Number(event.kv.mod_revision);
    if (event.type === 'Delete') return { kind: 'delete', key, revision };
    return { kind: 'put', record: { key, value: event.kv.value.toString(), revision } };
  }

  private beginAgain(why: string): void {
    this.dropStream();
    if (this.closed) return;
    this.parts.env.log.warn('etcd watch interrupted', { why, retryMs: this.backoffMs });
    this.timer?.cancel();
    this.timer = this.parts.env.after(this.backoffMs, () => void this.begin());
    this.backoffMs = Math.min(this.backoffMs * 2, BACKOFF_MAX_MS);
  }

  private dropStream(): void {
    const stream = this.stream;
    this.stream = undefined;
    stream?.cancel();
  }
}
