/**
 * What gathers between two Readys.
 *
 * Left out: hard state, entries and committed entries; ready() takes those from the state and the log.
 */
import type { Index, MemberId, Message } from './message.js';
import type { EntryLoad, ReadState } from './ready.js';

export class Outbox {
  messages: Message[] = [];
  messagesAfterSave: Message[] = [];
  reads: ReadState[] = [];
  loads: EntryLoad[] = [];
  snapshotsWanted: MemberId[] = [];
  /** See Ready. */
  forgottenIndex: Index = 0;

  /** Nothing but messages that wait for no disk. */
  get isTalkOnly(): boolean {
    return (
      this.messagesAfterSave.length === 0 &&
      this.reads.length === 0 &&
      this.loads.length === 0 &&
      this.snapshotsWanted.length === 0 &&
      this.forgottenIndex === 0
    );
  }

  takeMessages(): readonly Message[] {
    const { messages } = this;
    if (messages.length > 0) this.messages = [];
    return messages;
  }

  /** Hands over all and starts afresh. */
  take(): Pick<
    Outbox,
    'messages' | 'messagesAfterSave' | 'reads' | 'loads' | 'snapshotsWanted' | 'forgottenIndex'
  > {
    const { messages, messagesAfterSave, reads, loads, snapshotsWanted, forgottenIndex } = this;
    this.messages = [];
    this.messagesAfterSave = [];
    this.reads = [];
    this.loads = [];
    this.snapshotsWanted = [];
    this.forgottenIndex = 0;
    return { messages, messagesAfterSave, reads, loads, snapshotsWanted, forgottenIndex };
  }
}
