/** What DEBUG does to the process it is asked of. */

/** Nothing at all runs in this thread meanwhile: no timer, no socket, no message of a peer. */
export function blockThread(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

export type DebugCommand = 'no' | 'local' | 'yes';
