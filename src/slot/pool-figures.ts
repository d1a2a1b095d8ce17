/**
 * What the buffer pools of a node's slots have had to do: counted here, read by metrics and INFO.
 */
export interface PoolFigures {
  /** Runs that lacked something, each time they did. */
  faults: number;
  /** Most times that one run was begun again. */
  rerunsMost: number;
  recordsLoaded: number;
  pagesLoaded: number;
  recordsEvicted: number;
  pagesEvicted: number;
  /** Reads that would have had to hold more than may be held for one. */
  readsRefused: number;
}

export function noPoolFigures(): PoolFigures {
  return {
    faults: 0,
    rerunsMost: 0,
    recordsLoaded: 0,
    pagesLoaded: 0,
    recordsEvicted: 0,
    pagesEvicted: 0,
    readsRefused: 0,
  };
}
