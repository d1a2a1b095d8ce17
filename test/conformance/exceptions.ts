/**
 * Where this project and the Redis at hand may differ, each with its reason. The rows follow Redis 7.2; Debian's is 7.0.15.
 */

const NEWER = 'came with Redis 7.2';
/** Lines of the corpus, by how they begin. They run on both sides all the same. */
const LINES: readonly (readonly [beginning: string, reason: string])[] = [
  [
    'command getkeys foo',
    'Redis 7.0 wants four words at least, 7.2 three: it then gets to "Invalid command specified"',
  ],
  ['command getkeys ping', 'as above'],

  ['zrank z a withscore', NEWER],
  ['zrevrank z a withscore', NEWER],
  ['client setinfo', NEWER],
  ['client no-touch', NEWER],
];

/** Why the line's replies may differ; undefined where they may not. */
export function exceptionFor(line: string): string | undefined {
  return LINES.find(([beginning]) => line.startsWith(beginning))?.[1];
}

/** Rows whose description may differ. */
export const rowExceptions: ReadonlyMap<string, string> = new Map([
  ['client|no-touch', NEWER],
  ['client|setinfo', NEWER],
  ['cluster|shards', 'flag `loading` since Redis 7.2'],
  ['cluster|slots', 'flag `loading` since Redis 7.2'],
  ['zrank', 'arity 3 in Redis 7.0, -3 since 7.2 (WITHSCORE)'],
  ['zrevrank', 'as above'],
  ['wait', 'flag `noscript` in Redis 7.0, `blocking` and its category since 7.2'],
  ['command|getkeys', 'arity -4 in Redis 7.0, -3 since 7.2'],
]);
