/** Reads that lean on a lease, and a process that is stopped at the worst moment. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Loader } from '../../src/slot/loader.js';
import type { StateMachine } from '../../src/slot/machine.js';
import { Reads } from '../../src/slot/reads.js';
import { Requests } from '../../src/slot/requests.js';
import type { SlotClock } from '../../src/slot/stamp.js';
import type { SlotState } from '../../src/slot/state.js';
import { PageFault } from '../../src/slot/txn.js';

class Stand {
  readonly requests = new Requests<string>();
  readonly answers: string[] = [];
  value = 'old';
  leaseHolds = true;
  /** What happens while the read runs. */
  meanwhile = (): void => {};
  private readonly reads = new Reads<string>(
    this.requests,
    {} as SlotState,
    { lastStampMs: 0, nowMs: () => 0 } as SlotClock,
    {
      read: () => {
        const seen = this.value;
        this.meanwhile();
        return seen;
      },
    } as unknown as StateMachine<string>,
    {} as Loader,
    {
      wake: () => {},
      wantClock: () => true,
      seed: () => 1,
      readBytesMax: Number.POSITIVE_INFINITY,
      refused: () => {},
      leaseHolds: () => this.leaseHolds,
      inUse: () => {},
    },
  );

  ask(): void {
    this.requests.take({
      session: 's',
      kind: 'read',
      here: false,
      group: { kind: 'lone', commands: [[]] },
      deadlineMs: Number.POSITIVE_INFINITY,
      done: (outcome) => void this.answers.push(outcome.kind === 'done' ? outcome.replies[0]! : outcome.kind),
    });
  }

  /** At once, or not at all. */
  now(): readonly string[] | undefined {
    return this.reads.now({ kind: 'lone', commands: [[]] });
  }

  indexKnown(context: number, leased: boolean): void {
    this.requests.askFor(context);
    this.requests.readIndexKnown(context, 0, leased);
    this.reads.serve(0);
  }
}

test('a read by lease is answered when the lease still holds after it has run', () => {
  const stand = new Stand();
  stand.ask();
  stand.indexKnown(1, true);
  assert.deepEqual(stand.answers, ['old']);
});

test('a read during which the lease ran out is not answered, but asks a quorum and runs again', () => {
  const stand = new Stand();
  stand.meanwhile = () => {
    // The process is stopped; others elect a leader and write.
    stand.leaseHolds = false;
    stand.value = 'new';
  };
  stand.ask();
  stand.indexKnown(1, true);
  assert.deepEqual(stand.answers, []);
  assert.ok(stand.requests.hasReadsToAsk);
  stand.indexKnown(2, false);
  assert.deepEqual(stand.answers, ['new']);
});

test('a read is answered at once by a lease that holds before and after it', () => {
  const stand = new Stand();
  assert.deepEqual(stand.now(), ['old']);
  stand.meanwhile = () => {
    stand.leaseHolds = false;
  };
  assert.equal(stand.now(), undefined, 'the process was stopped while it ran');
  assert.equal(stand.now(), undefined);
});

test('a read that meets what is not in memory has to wait, and leaves nothing behind', () => {
  const stand = new Stand();
  stand.meanwhile = () => {
    throw new PageFault([{ kind: 'record', key: Buffer.from('cold') }]);
  };
  assert.equal(stand.now(), undefined);
  assert.ok(!stand.requests.hasReadsToAsk);
});
