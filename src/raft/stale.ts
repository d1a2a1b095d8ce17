/**
 * What those get to hear who speak in a term that is over.
 *
 * So that a leader whose term is over learns it, whatever it lacks the right to ask. It may lead again, in this very term, before
 * this reaches it: the hint's term tells it from the wish of one who holds nothing (follower.ts, askForSnapshot).
 */
import type { Message } from './message.js';
import type { State } from './state.js';

export function answerStale(state: State, message: Message): void {
  const { from } = message;
  const hint = { hintIndex: 0, hintTerm: state.term };
  switch (message.kind) {
    case 'append':
    case 'heartbeat':
    case 'snapshot':
      state.send(from, { kind: 'appendReply', index: 0, rejected: true, ...hint });
      return;
    case 'readIndex':
      state.send(from, { kind: 'readIndexReply', context: message.context, index: 0, rejected: true });
      return;
    default:
      return;
  }
}
