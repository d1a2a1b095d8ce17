/**
 * How often a property is tried: as often as its test says, or as often as TALUS_PROPERTY_RUNS does. The long form says ten thousand, for
 * all of them, and runs the very tests of the short one (properties.long.ts in `slot` and `storage`).
 */
export function runs(short: number): number {
  return Number(process.env.TALUS_PROPERTY_RUNS ?? short);
}
