/**
 * Configurations and the three ways to change one: a simple change of at most one voter, entering a joint configuration,
 * leaving it. Pure: a configuration and an entry give the next configuration, alike on every replica.
 *
 * A configuration takes effect when its entry is applied, never when it is appended. Only one change may be unapplied at
 * a time, so what was valid when it was proposed is valid when it is applied. That applying is late is safe because a log
 * that holds a change proves the one before committed, and nobody campaigns with a committed change unapplied: so any two
 * members that can win elections at the same time use the same configuration or neighbouring ones, whose quorums meet.
 *
 * Invariants: member lists are sorted and free of repeats; a learner is no voter, in either half; `votersOutgoing` is
 * non-empty in a joint configuration only; learnersNext is a part of votersOutgoing.
 */
import { invariant } from '../assert.js';
import { ByteReader, ByteWriter, FormatError } from '../bytes.js';
import { type Configuration, type MemberId, NOBODY } from './message.js';
import type { ConfigurationChange } from './ready.js';

export interface MembershipOperation {
  readonly kind: 'voter' | 'learner' | 'remove';
  readonly id: MemberId;
}

/** What a configuration entry carries. */
export type MembershipStep =
  | { readonly kind: 'simple'; readonly operations: readonly MembershipOperation[] }
  | {
      readonly kind: 'enterJoint';
      readonly operations: readonly MembershipOperation[];
      readonly autoLeave: boolean;
    }
  | { readonly kind: 'leaveJoint' };

export type MembershipResult =
  | { readonly kind: 'changed'; readonly configuration: Configuration }
  | { readonly kind: 'refused'; readonly why: string };

export const emptyConfiguration: Configuration = {
  voters: [],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
};

export function isJoint(configuration: Configuration): boolean {
  return configuration.votersOutgoing.length > 0;
}

/** Counts in elections, in either half. */
export function isVoter(configuration: Configuration, id: MemberId): boolean {
  return configuration.voters.includes(id) || configuration.votersOutgoing.includes(id);
}

/** All that a leader replicates to, sorted. */
export function membersOf(configuration: Configuration): MemberId[] {
  const { voters, votersOutgoing, learners } = configuration;
  return sorted(new Set([...voters, ...votersOutgoing, ...learners]));
}

/** All whose votes count, in either half, sorted. */
export function votersOf(configuration: Configuration): MemberId[] {
  return sorted(new Set([...configuration.voters, ...configuration.votersOutgoing]));
}

export function changeMembership(configuration: Configuration, step: MembershipStep): MembershipResult {
  switch (step.kind) {
    case 'simple':
      return changeSimply(configuration, step.operations);
    case 'enterJoint':
      return enterJoint(configuration, step.operations, step.autoLeave);
    case 'leaveJoint':
      return leaveJoint(configuration);
  }
}

/** Translates a wish into the step that does it; refuses what could not be applied. An empty wish leaves a joint configuration. */
export function planMembership(
  configuration: Configuration,
  change: ConfigurationChange,
):
  | { readonly kind: 'planned'; readonly step: MembershipStep }
  | { readonly kind: 'refused'; readonly why: string } {
  const operations = operationsOf(change);
  const step = stepFor(configuration, operations, change.transition);
  const result = changeMembership(configuration, step);
  return result.kind === 'refused' ? result : { kind: 'planned', step };
}

/** The configuration after a configuration entry's data, at the one place in the log where it stands. */
export function configurationAfter(configuration: Configuration, data: Uint8Array): Configuration {
  const result = changeMembership(configuration, decodeMembershipStep(data));
  invariant(result.kind === 'changed', 'a configuration entry does not fit its place', {
    why: result.kind === 'refused' ? result.why : '',
    configuration,
  });
  return result.configuration;
}

function operationsOf(change: ConfigurationChange): MembershipOperation[] {
  return [
    ...change.add.map((id) => ({ kind: 'voter' as const, id })),
    ...change.addLearners.map((id) => ({ kind: 'learner' as const, id })),
    ...change.remove.map((id) => ({ kind: 'remove' as const, id })),
  ];
}

function stepFor(
  configuration: Configuration,
  operations: readonly MembershipOperation[],
  transition: ConfigurationChange['transition'],
): MembershipStep {
  const simple: MembershipStep = { kind: 'simple', operations };
  if (transition === 'confirm') return simple;
  if (operations.length === 0 && (transition === 'auto' || isJoint(configuration)))
    return { kind: 'leaveJoint' };
  if (transition === 'auto' && changeMembership(configuration, simple).kind === 'changed') return simple;
  return { kind: 'enterJoint', operations, autoLeave: transition !== 'jointExplicit' };
}

function changeSimply(
  configuration: Configuration,
  operations: readonly MembershipOperation[],
): MembershipResult {
  if (isJoint(configuration)) return refused('a simple change is not possible in a joint configuration');
  const draft = new Draft(configuration);
  draft.applyAll(operations);
  if (draft.voters.size === 0) return refused('no voter would be left');
  const before = new Set(configuration.voters);
  let changes = 0;
  for (const id of draft.voters) if (!before.has(id)) changes++;
  for (const id of before) if (!draft.voters.has(id)) changes++;
  if (changes > 1) return refused('more than one voter would change without a joint configuration');
  return { kind: 'changed', configuration: draft.finish(false) };
}

function enterJoint(
  configuration: Configuration,
  operations: readonly MembershipOperation[],
  autoLeave: boolean,
): MembershipResult {
  if (isJoint(configuration)) return refused('the configuration is joint already');
  if (configuration.voters.length === 0) return refused('a configuration without voters cannot become joint');
  const draft = new Draft({ ...configuration, votersOutgoing: configuration.voters });
  draft.applyAll(operations);
  if (draft.voters.size === 0) return refused('no voter would be left');
  return { kind: 'changed', configuration: draft.finish(autoLeave) };
}

function leaveJoint(configuration: Configuration): MembershipResult {
  if (!isJoint(configuration)) return refused('the configuration is not joint');
  const { voters, learners, learnersNext } = configuration;
  return {
    kind: 'changed',
    configuration: {
      voters,
      votersOutgoing: [],
      learners: sorted(new Set([...learners, ...learnersNext])),
      learnersNext: [],
      autoLeave: false,
    },
  };
}

function refused(why: string): MembershipResult {
  return { kind: 'refused', why };
}

function sorted(ids: Iterable<MemberId>): MemberId[] {
  return [...ids].sort((a, b) => a - b);
}

/** A configuration being changed; `votersOutgoing` stays as it is. */
class Draft {
  readonly voters: Set<MemberId>;
  private readonly learners: Set<MemberId>;
  private readonly learnersNext: Set<MemberId>;
  private readonly votersOutgoing: readonly MemberId[];

  constructor(configuration: Configuration) {
    this.voters = new Set(configuration.voters);
    this.learners = new Set(configuration.learners);
    this.learnersNext = new Set(configuration.learnersNext);
    this.votersOutgoing = configuration.votersOutgoing;
  }

  applyAll(operations: readonly MembershipOperation[]): void {
    for (const { kind, id } of operations) {
      if (id === NOBODY) continue;
      if (kind === 'learner' && this.learners.has(id)) continue;
      this.remove(id);
      if (kind === 'voter') this.voters.add(id);
      if (kind === 'learner') this.addLearner(id);
    }
  }

  finish(autoLeave: boolean): Configuration {
    return {
      voters: sorted(this.voters),
      votersOutgoing: this.votersOutgoing,
      learners: sorted(this.learners),
      learnersNext: sorted(this.learnersNext),
      autoLeave,
    };
  }

  /** One who still votes in the outgoing half becomes a learner only when that half is left. */
  private addLearner(id: MemberId): void {
    if (this.votersOutgoing.includes(id)) this.learnersNext.add(id);
    else this.learners.add(id);
  }

  private remove(id: MemberId): void {
    this.voters.delete(id);
    this.learners.delete(id);
    this.learnersNext.delete(id);
  }
}

const formatVersion = 1;
const stepCodes = ['simple', 'enterJoint', 'leaveJoint'] as const;
const operationCodes = ['voter', 'learner', 'remove'] as const;

export function encodeMembershipStep(step: MembershipStep): Buffer {
  const writer = new ByteWriter(32);
  writer.u8(formatVersion).u8(stepCodes.indexOf(step.kind));
  if (step.kind === 'leaveJoint') return writer.finish();
  writer.u8(step.kind === 'enterJoint' && step.autoLeave ? 1 : 0).varint(step.operations.length);
  for (const { kind, id } of step.operations) writer.u8(operationCodes.indexOf(kind)).varint(id);
  return writer.finish();
}

export function decodeMembershipStep(data: Uint8Array): MembershipStep {
  const reader = new ByteReader(data);
  if (reader.u8() !== formatVersion) throw new FormatError('unknown version of a configuration entry');
  const kind = stepCodes[reader.u8()];
  if (kind === undefined) throw new FormatError('unknown kind of configuration entry');
  if (kind === 'leaveJoint') return { kind };
  const autoLeave = reader.u8() === 1;
  const operations: MembershipOperation[] = [];
  for (let count = reader.varint(); count > 0; count--) operations.push(readOperation(reader));
  reader.end();
  return kind === 'simple' ? { kind, operations } : { kind, operations, autoLeave };
}

function readOperation(reader: ByteReader): MembershipOperation {
  const kind = operationCodes[reader.u8()];
  if (kind === undefined) throw new FormatError('unknown operation in a configuration entry');
  return { kind, id: reader.varint() };
}
