/**
 * What one client may cost: every bound of the parser and of the connection, with its name and its usual value.
 * Nothing here is a promise to clients but the words that Redis has for a bound (parser.ts); the node's
 * configuration may set each of them.
 */
export interface ParserLimits {
  /** An inline request, and any line that carries a length. */
  readonly inlineBytesMax: number;
  /** Arguments of one request. Redis allows 2^31 - 1; here one request may not cost gigabytes of bookkeeping. */
  readonly multibulkMax: number;
  /** `proto-max-bulk-len`: one argument. */
  readonly bulkBytesMax: number;
  /** One request as a whole, each argument charged `ARGUMENT_OVERHEAD_BYTES` besides its own bytes. */
  readonly queryBufferBytesMax: number;
  readonly unauthenticatedMultibulkMax: number;
  readonly unauthenticatedBulkBytesMax: number;
}

export const DEFAULT_PARSER_LIMITS: ParserLimits = {
  inlineBytesMax: 65_536,
  multibulkMax: 1_048_576,
  bulkBytesMax: 67_108_864,
  queryBufferBytesMax: 134_217_728,
  unauthenticatedMultibulkMax: 10,
  unauthenticatedBulkBytesMax: 16_384,
};

/** About what a Buffer object costs, so that a million empty arguments are not free. */
export const ARGUMENT_OVERHEAD_BYTES = 64;

export interface ConnectionLimits {
  /** Requests taken up and not yet answered and handed to the stream. */
  readonly requestsInFlightMax: number;
  readonly requestsPerTurnMax: number;
  /** Above it no request is taken up until the client has read. */
  readonly replyBytesSoft: number;
  /** What the requests in flight may be expected to bring, by the sizes of the replies before: above it none is taken up beside them. */
  readonly replyBytesExpectedMax: number;
  /** Expected of a request while nothing is known: what a client may ask for at first, before it has read a word, is bounded by it. */
  readonly replyBytesFirst: number;
  /** Above it the client is cut off. One reply larger than this can't be sent. */
  readonly replyBytesMax: number;
  /** Replies are gathered up to this size before they are written. */
  readonly replyBatchBytes: number;
  readonly parser: ParserLimits;
}

export const DEFAULT_CONNECTION_LIMITS: ConnectionLimits = {
  requestsInFlightMax: 1_024,
  requestsPerTurnMax: 256,
  replyBytesSoft: 1_048_576,
  replyBytesExpectedMax: 4_194_304,
  replyBytesFirst: 65_536,
  replyBytesMax: 268_435_456,
  replyBatchBytes: 65_536,
  parser: DEFAULT_PARSER_LIMITS,
};
