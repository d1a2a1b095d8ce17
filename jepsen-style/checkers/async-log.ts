/**
 * Lists of an async table to which words are pushed, each once: what may be lost, and in which order.
 *
 * RPUSH answers the list's length, so an acknowledged push has a place. In the end each word that is there stands at the place that
 * was answered. So what is lost with a leader is a suffix of what it had answered: had it lost a word and kept a later one, the
 * later one would stand one place nearer to the front. What is lost may be lost, however much; but who came back says how much:
 * no fewer writes than clients were told were done, and no more than that and those of unknown fate. And what WAIT confirmed on a
 * majority, the leader with it, is not lost.
 */
import type { Operation } from '../history.js';
import { type CheckResult, fail, invalid, pass } from '../report.js';

const SHOWN_MAX = 10;

export interface FinalLists {
  /** As each node read them, by key. */
  readonly byNode: ReadonlyMap<number, ReadonlyMap<string, readonly string[]>>;
  /** Writes cut that nodes counted, over all their lives. */
  readonly counted: number;
}

/** `push` operations: `input` is the word, `output` the place. `wait`: of the word pushed before it, and how many others have it. */
export function checkAsyncLog(operations: readonly Operation[], final: FinalLists): CheckResult[] {
  const pushes = operations.filter(({ f }) => f === 'push');
  const [first] = final.byNode.values();
  if (first === undefined) return [invalid('async-log', 'no list was read at the end')];
  return [
    checkPlaces(pushes, first),
    checkReplicas(final),
    checkCount(pushes, first, final.counted),
    ...checkWaits(operations, final.byNode.size, first),
  ];
}

type Lists = ReadonlyMap<string, readonly string[]>;

function checkPlaces(pushes: readonly Operation[], lists: Lists): CheckResult {
  const problems: string[] = [];
  const byWord = new Map(pushes.map((push) => [String(push.input), push]));
  for (const [key, words] of lists) {
    const seen = new Set<string>();
    words.forEach((word, at) => {
      const push = byWord.get(word);
      if (seen.has(word)) problems.push(`twice: ${word} in ${key}`);
      seen.add(word);
      if (push === undefined || push.key !== key) problems.push(`invented: ${word} in ${key}`);
      else if (push.outcome === 'fail')
        problems.push(`refused (${push.error}), yet there: ${word} in ${key}`);
      else if (push.outcome === 'ok' && push.output !== at + 1)
        problems.push(`${word} was answered place ${push.output} of ${key} and stands at ${at + 1}`);
    });
  }
  const { acknowledged, lost } = lossesOf(pushes, lists);
  const summary = `${acknowledged} pushes acknowledged, ${lost} of them lost, all suffixes`;
  if (problems.length === 0) return pass('async-log', summary);
  return fail('async-log', `${problems.length} problems`, problems.slice(0, SHOWN_MAX).join('\n'));
}

function checkReplicas({ byNode }: FinalLists): CheckResult {
  const texts = [...byNode].map(([node, lists]) => [node, JSON.stringify([...lists].sort())] as const);
  const different = texts.filter(([, text]) => text !== texts[0]![1]).map(([node]) => node);
  if (different.length === 0) return pass('replicas', `${texts.length} nodes read the same`);
  return fail('replicas', `node ${texts[0]![0]} and nodes ${different.join()} read different lists`);
}

function checkCount(pushes: readonly Operation[], lists: Lists, counted: number): CheckResult {
  const { lost, doubtful } = lossesOf(pushes, lists);
  const summary = `${counted} writes counted as cut: ${lost} acknowledged ones are lost, ${doubtful} of unknown fate`;
  return counted >= lost && counted <= lost + doubtful
    ? pass('cut-count', summary)
    : fail('cut-count', summary);
}

/** Of operations without a WAIT it has nothing to say. */
function checkWaits(operations: readonly Operation[], nodes: number, lists: Lists): CheckResult[] {
  const waits = operations.filter(({ f, outcome }) => f === 'wait' && outcome === 'ok');
  if (waits.length === 0) return [];
  const there = new Set([...lists.values()].flat());
  // A word whose push was not answered is not the write that WAIT spoke of.
  const pushed = new Set(
    operations.filter(({ f, outcome }) => f === 'push' && outcome === 'ok').map(({ input }) => input),
  );
  const others = Math.floor(nodes / 2);
  const confirmed = waits.filter(({ input, output }) => pushed.has(input) && Number(output) >= others);
  const lost = confirmed.filter(({ input }) => !there.has(String(input)));
  const summary = `${confirmed.length} of ${waits.length} words confirmed on a majority, ${lost.length} of them lost`;
  if (lost.length > 0) return [fail('wait', summary, lost.slice(0, SHOWN_MAX).map(describeWait).join('\n'))];
  return [confirmed.length > 0 ? pass('wait', summary) : invalid('wait', summary)];
}

function describeWait({ input, key, output, node }: Operation): string {
  return `${input} in ${key}, through node ${node}: ${output} others were said to have it`;
}

function lossesOf(
  pushes: readonly Operation[],
  lists: Lists,
): { readonly acknowledged: number; readonly lost: number; readonly doubtful: number } {
  const there = new Set([...lists.values()].flat());
  const acknowledged = pushes.filter(({ outcome }) => outcome === 'ok');
  const absent = (push: Operation): boolean => !there.has(String(push.input));
  const doubtful = pushes.filter((push) => push.outcome === 'unknown' && absent(push));
  return {
    acknowledged: acknowledged.length,
    lost: acknowledged.filter(absent).length,
    doubtful: doubtful.length,
  };
}
