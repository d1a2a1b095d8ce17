/**
 * Probes: wrappers around single methods of the code under test, which count, or show to an oracle, what no message and no status shows.
 *
 * They change nothing and are put in once a process; one world runs at a time, and what they see is its. A method that is no longer
 * there is an error at the start, so that no path is lost in silence.
 */
import { Forwarder } from '../../src/node/forwarder.js';
import type { NodeSlot } from '../../src/node/replicas.js';
import { Leader } from '../../src/raft/leader.js';
import { Progress } from '../../src/raft/progress.js';
import { Raft } from '../../src/raft/raft.js';
import { ReadRounds } from '../../src/raft/read.js';
import { Rest } from '../../src/raft/rest.js';
import { Transfer } from '../../src/raft/transfer.js';
import { Ahead } from '../../src/slot/ahead.js';
import { EntryRun } from '../../src/slot/apply.js';
import { Freezer } from '../../src/slot/freezer.js';
import { holds } from '../../src/slot/lanes.js';
import { Requests, type SlotRequest } from '../../src/slot/requests.js';
import { Slot } from '../../src/slot/slot.js';
import type { RarePath } from './coverage.js';

/** The world that runs. */
export interface Probed {
  met(path: RarePath): void;
  /** The process whose event this is stood still a moment ago. */
  pausedLately(): boolean;
  readAsked(requests: object, context: number): void;
  readKnown(requests: object, context: number, index: number): void;
  readAtOnce(slot: NodeSlot): void;
}

let probed: Probed | undefined;

/** From now on probes count for this world. */
export function probe(world: Probed | undefined): void {
  probed = world;
}

type Method = (this: object, ...given: unknown[]) => unknown;

/** `see` runs around the call: it is handed the object, what was given, and how to call. */
function around(
  prototype: object,
  name: string,
  see: (self: never, given: readonly unknown[], call: () => unknown) => unknown,
): void {
  const methods = prototype as Record<string, Method>;
  const original = methods[name];
  if (original === undefined) throw new Error(`no method ${name} to probe any more`);
  methods[name] = function wrapped(this: object, ...given: unknown[]): unknown {
    const call = (): unknown => original.apply(this, given);
    return probed === undefined ? call() : see(this as never, given, call);
  };
}

function met(path: RarePath, when = true): void {
  if (when) probed?.met(path);
}

around(Raft.prototype, 'hasPledged', (_raft, _given, call) => {
  const pledged = call();
  met('vote refused by a pledge', pledged === true);
  return pledged;
});

around(Progress.prototype, 'windowFull', (_progress, _given, call) => {
  const full = call();
  met('window full', full === true);
  return full;
});

around(Progress.prototype, 'probe', (progress: Progress, _given, call) => {
  met('probe after loss', progress.state === 'replicate');
  return call();
});

around(Leader.prototype, 'propose', (_leader, _given, call) => {
  const result = call() as ReturnType<Leader['propose']>;
  met(
    'proposal refused: uncommitted log full',
    result.kind === 'refused' && result.why === 'uncommittedFull',
  );
  return result;
});

around(Leader.prototype, 'leaseHolds', (leader: Leader, _given, call) => {
  const holds = call();
  const refused = holds === false && leader['committedOwnTerm'] && !leader.transfer.leaseGivenUp;
  met('lease refused after a pause', refused && probed!.pausedLately());
  return holds;
});

around(ReadRounds.prototype, 'answerLeased', (rounds: ReadRounds, _given, call) => {
  const before = rounds['arrived'].length;
  call();
  met('read served by lease', rounds['arrived'].length < before);
});

around(Leader.prototype, 'handOverWhenRemoved', (leader: Leader, _given, call) => {
  const before = leader.transfer.underWay;
  call();
  met('removed leader hands over', !before && leader.transfer.underWay);
});

around(Rest.prototype, 'fallAsleepWhenAllDo', (rest: Rest, _given, call) => {
  const before = rest.asleep;
  call();
  met('group slept', !before && rest.asleep);
});

around(Rest.prototype, 'use', (rest: Rest, _given, call) => {
  met('sleeping leader woken', rest.asleep);
  return call();
});

around(Raft.prototype, 'suspectLeader', (raft: Raft, [leader], call) => {
  const { asleep, role, leader: own } = raft.status;
  met('voter suspects its leader', role === 'follower' && own === leader);
  call();
  met('sleeper woken by a node that is gone', asleep && !raft.status.asleep);
});

around(Raft.prototype, 'wokenBy', (_raft, _given, call) => {
  const only = call();
  met('sleeper asked for a pre-vote', only === true);
  return only;
});

around(ReadRounds.prototype, 'refuseAll', (rounds: ReadRounds, _given, call) => {
  met('read index round refused', rounds['rounds'].length > 0);
  return call();
});

around(Transfer.prototype, 'tick', (transfer: Transfer, _given, call) => {
  const before = transfer.underWay;
  call();
  met('transfer aborted', before && !transfer.underWay);
});

around(Slot.prototype, 'loadEntries', (_slot, _given, call) => {
  met('load of old entries from the binlog');
  return call();
});

around(Ahead.prototype, 'goBackTo', (_ahead, _given, call) => {
  met('async replica rolled back');
  return call();
});

around(Freezer.prototype, 'freeze', (freezer: Freezer, _given, call) => {
  const ready = call();
  met('checkpoint waited for its commit', ready === undefined && freezer['frozen'] !== undefined);
  return ready;
});

around(EntryRun.prototype, 'go', (_run, _given, call) => {
  const needs = call();
  met('page fault in an entry', needs !== undefined);
  return needs;
});

around(Requests.prototype, 'take', (requests: Requests<unknown>, [request], call) => {
  met('read served by a follower', (request as SlotRequest<unknown>).here);
  call();
  met('session order held back', holds(requests['lanes'].of((request as SlotRequest<unknown>).session)));
});

const forwarded = new WeakSet<object>();

around(Forwarder.prototype, 'send', (_forwarder, given, call) => {
  const { kind, group } = given[3] as Pick<SlotRequest<unknown>, 'kind' | 'group'>;
  met('forwarded read retried', kind === 'read' && forwarded.has(group));
  forwarded.add(group);
  return call();
});

around(Slot.prototype, 'readNow', (slot, _given, call) => {
  const replies = call();
  // Its index is what was applied; asked and known are one moment.
  if (replies !== undefined) probed!.readAtOnce(slot as NodeSlot);
  met('read answered at once', replies !== undefined);
  return replies;
});

around(Requests.prototype, 'askFor', (requests: object, [context], call) => {
  probed!.readAsked(requests, context as number);
  return call();
});

around(Requests.prototype, 'readIndexKnown', (requests: object, [context, index], call) => {
  probed!.readKnown(requests, context as number, index as number);
  return call();
});
