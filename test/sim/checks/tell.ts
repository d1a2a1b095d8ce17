/** Where oracles say what they saw. */
export interface Tell {
  /** A promise is broken: the run ends. */
  fail(why: string): void;
  counted(what: string, times?: number): void;
}
