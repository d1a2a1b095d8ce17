/**
 * What the node says of itself: INFO, TIME.
 *
 * The figures come from the node; here is only Redis' layout and its way of choosing sections.
 */
import { array, bulk, type Reply } from '../resp/reply.js';
import type { Args, LocalRow } from './command.js';
import type { Session } from './session.js';
import { textReply } from './text.js';
import { traits } from './traits.js';

const EVERYTHING = ['all', 'default', 'everything'];

const info = {
  name: 'info',
  summary: 'Returns information and statistics about the node.',
  since: '1.0.0',
  group: 'server',
  complexity: 'O(1)',
  arity: -1,
  ...traits('dangerous', ['loading', 'stale']),
  local: runInfo,
} as const satisfies LocalRow;

/** Sections come in the node's order, however the user asked; unknown names add nothing. */
function runInfo(session: Session, args: Args): Reply {
  const wanted = new Set(args.slice(1).map((name) => name.toString().toLowerCase()));
  const whole = wanted.size === 0 || EVERYTHING.some((name) => wanted.has(name));
  const sections = session.node.info().filter(([title]) => whole || wanted.has(title.toLowerCase()));
  const texts = sections.map(([title, fields]) => {
    const lines = fields.map(([field, value]) => `${field}:${value}\r\n`);
    return `# ${title}\r\n${lines.join('')}`;
  });
  return textReply(texts.join('\r\n'));
}

const time = {
  name: 'time',
  summary: 'Returns the server time.',
  since: '2.6.0',
  group: 'server',
  complexity: 'O(1)',
  arity: 1,
  ...traits([], ['loading', 'stale', 'fast']),
  local(session) {
    const microseconds = Math.floor(session.node.wallMs() * 1000);
    const seconds = Math.floor(microseconds / 1_000_000);
    return array([bulk(String(seconds)), bulk(String(microseconds - seconds * 1_000_000))]);
  },
} as const satisfies LocalRow;

export const serverRows = [info, time] as const;
