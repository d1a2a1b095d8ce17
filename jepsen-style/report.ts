/**
 * What a check says, and what a run says when its checks have spoken.
 *
 * `invalid` is the third answer: the run was too thin, or the harness could not do its part, so nothing was
 * shown. It is never counted as passed.
 */
export interface CheckResult {
  readonly check: string;
  readonly verdict: 'pass' | 'fail' | 'invalid';
  /** One line. */
  readonly summary: string;
  /** What a reader of a failure needs, over many lines. */
  readonly detail?: string;
}

export const pass = (check: string, summary: string): CheckResult => ({ check, verdict: 'pass', summary });
export const invalid = (check: string, summary: string): CheckResult => ({
  check,
  verdict: 'invalid',
  summary,
});
export const fail = (check: string, summary: string, detail?: string): CheckResult => ({
  check,
  verdict: 'fail',
  summary,
  ...(detail === undefined ? {} : { detail }),
});

/** A failure outweighs a lack of evidence, and both outweigh any number of passes. */
export function overallVerdict(results: readonly CheckResult[]): CheckResult['verdict'] {
  if (results.some((result) => result.verdict === 'fail')) return 'fail';
  if (results.length === 0 || results.some((result) => result.verdict === 'invalid')) return 'invalid';
  return 'pass';
}

export const EXIT_CODES = { pass: 0, fail: 1, invalid: 2 } as const;

export function formatResult(result: CheckResult): string {
  return `${result.verdict.toUpperCase().padEnd(7)} ${result.check.padEnd(20)} ${result.summary}`;
}
