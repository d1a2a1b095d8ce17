/**
 * Rare paths, each of which a long batch of seeds must have met: what was never met was never tested.
 *
 * A path is counted from outside: a message on the wire, a change of status, a line of a log, or a probe around one method
 * (probes.ts). To add one: count it under a name, and put the name here.
 */
export const RARE_PATHS = [
  'leader changed while a write was unanswered',
  'two candidates in one term',
  'vote refused by a pledge',
  'old entry committed by a newer leader',
  'log conflict truncated',
  'append rejected and backed off',
  'old leader told of the newer term',
  'load of old entries from the binlog',
  'window full',
  'probe after loss',
  'proposal refused: uncommitted log full',
  'torn tail cut at recovery',
  'entry replayed at start',
  'unsynced data lost',
  'checkpoint crossed by a crash',
  'page fault in an entry',
  'clock entry logged',
  'read served by lease',
  'lease refused after a pause',
  'read index round refused',
  'forwarded read retried',
  'session order held back',
  'read answered at once',
  'transfer completed',
  'transfer aborted',
  'lane full',
  'message lost',
  'message repeated',
  'message out of order',
  'purge with entries copied forward',
  'snapshot begin',
  'snapshot cancel',
  'snapshots installed',
  'snapshot crossed by a crash',
  'learner added',
  'learner promoted',
  'joint entered',
  'joint crossed by a crash',
  'removed leader hands over',
  'newcomers elected',
  'read served by a follower',
  'group slept',
  'sleeping leader woken',
  'sleeper woken by a node that is gone',
  'sleeper asked for a pre-vote',
  'voter suspects its leader',
  'async replica rolled back',
  'checkpoint waited for its commit',
  'acknowledged async writes lost',
  'writes of an async table cut and counted',
] as const;

export type RarePath = (typeof RARE_PATHS)[number];

/** So many seeds of the long form must meet them all. */
export const SEEDS_FOR_ALL = 1000;

export function unmet(counters: ReadonlyMap<string, number>): readonly string[] {
  return RARE_PATHS.filter((path) => !counters.has(path));
}
