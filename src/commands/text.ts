/** Replies that are text for people: HELP of a container as Redis lays it out, and whole reports (INFO, CLUSTER NODES). */
import { array, type Reply, simple } from '../resp/reply.js';

/** A line on usage, the subcommands, HELP itself. */
export function helpReply(container: string, lines: readonly string[]): Reply {
  const usage = `${container.toUpperCase()} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`;
  return array([usage, ...lines, 'HELP', '    Prints this help.'].map(simple));
}

export function textReply(text: string): Reply {
  return { kind: 'verbatim', format: 'txt', bytes: Buffer.from(text) };
}
