/**
 * Which hard state was handed out, what of it may still be on its way to the disk, and so when a Ready must bring a synced
 * record of its own.
 *
 * A driver sends messagesAfterSave when its Ready's records are durable; a Ready without records would have nothing to wait
 * for. If its messages lean on what an earlier Ready still has on the way, the hard state is written once more: the
 * binlog keeps the order, so what is behind that record is durable too.
 */
import type { HardState, Message } from './message.js';
import type { State } from './state.js';

export class Saves {
  private readonly state: State;
  private handed: HardState;
  /** The newest Ready that changed term or vote, and the newest known durable. */
  private bindingSequence = 0;
  private durableSequence = 0;

  constructor(state: State, handed: HardState) {
    this.state = state;
    this.handed = handed;
  }

  get current(): HardState {
    const { term, votedFor, log } = this.state;
    return { term, votedFor, commit: log.commitIndex };
  }

  get changed(): boolean {
    return this.bindingChanged || this.handed.commit !== this.state.log.commitIndex;
  }

  durable(sequence: number): void {
    this.durableSequence = Math.max(this.durableSequence, sequence);
  }

  /** The part of a Ready that concerns the hard state. */
  take(
    sequence: number,
    brings: { readonly entries: boolean; readonly messagesAfterSave: readonly Message[] },
  ): { readonly hardState: HardState | undefined; readonly mustSync: boolean } {
    const binding = this.bindingChanged;
    const synced = binding || brings.entries;
    const barrier =
      !synced && brings.messagesAfterSave.length > 0 && this.leansOnUnsaved(brings.messagesAfterSave);
    const hardState = barrier || this.changed ? this.current : undefined;
    if (binding) this.bindingSequence = sequence;
    if (hardState !== undefined) this.handed = hardState;
    return { hardState, mustSync: synced || barrier };
  }

  /** Term or vote, which others may come to rely on. A commit index alone is a hint. */
  private get bindingChanged(): boolean {
    return this.handed.term !== this.state.term || this.handed.votedFor !== this.state.votedFor;
  }

  private leansOnUnsaved(messages: readonly Message[]): boolean {
    if (this.bindingSequence > this.durableSequence) return true;
    const { savedIndex } = this.state.log;
    return messages.some(
      (message) => message.kind === 'appendReply' && !message.rejected && message.index > savedIndex,
    );
  }
}
