/**
 * Draining the microtasks, and all that they lead to, within one call: V8's own checkpoint, which Node makes between two callbacks.
 *
 * A turn of Node's event loop does the same and costs more than a simulated event does. The checkpoint is no public function; where this
 * V8 has none under that name, `drainMicrotasks` is undefined and the scheduler takes a turn of the loop for each event. A
 * test holds the two together: one seed, both ways, one trace. Must not be called from within a microtask: there it does nothing.
 */
import { setFlagsFromString } from 'node:v8';

export const drainMicrotasks: (() => void) | undefined = checkpoint();

function checkpoint(): (() => void) | undefined {
  try {
    setFlagsFromString('--allow-natives-syntax');
    const drain = new Function('%PerformMicrotaskCheckpoint()') as () => void;
    drain();
    return drain;
  } catch {
    return undefined;
  }
}
