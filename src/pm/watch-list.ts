/**
 * Watches over a store in this process: each begins with the whole and then hears every change under its prefix.
 * Deliveries are deferred in one order, so that a handler never runs inside the call that caused it.
 */
import type { Env } from '../env.js';
import { changedKey } from './revisioned-map.js';
import type { StoreChange, StoreView, Watch, WatchHandlers } from './store.js';

interface Watcher {
  readonly prefix: string;
  readonly handlers: WatchHandlers;
  open: boolean;
}

export class WatchList {
  private readonly watchers = new Set<Watcher>();

  constructor(private readonly env: Env) {}

  add(prefix: string, view: StoreView, handlers: WatchHandlers): Watch {
    const watcher: Watcher = { prefix, handlers, open: true };
    this.watchers.add(watcher);
    this.deliver(watcher, () => handlers.onSnapshot(view));
    return {
      close: () => {
        watcher.open = false;
        this.watchers.delete(watcher);
      },
    };
  }

  tell(changes: readonly StoreChange[]): void {
    for (const watcher of this.watchers) {
      const seen = changes.filter((change) => changedKey(change).startsWith(watcher.prefix));
      if (seen.length > 0) this.deliver(watcher, () => watcher.handlers.onChanges(seen));
    }
  }

  /** Continuity was lost: everybody begins anew. */
  restart(viewOf: (prefix: string) => StoreView): void {
    for (const watcher of this.watchers) {
      const view = viewOf(watcher.prefix);
      this.deliver(watcher, () => watcher.handlers.onSnapshot(view));
    }
  }

  clear(): void {
    for (const watcher of this.watchers) watcher.open = false;
    this.watchers.clear();
  }

  private deliver(watcher: Watcher, run: () => void): void {
    this.env.defer(() => {
      if (watcher.open) run();
    });
  }
}
