/**
 * Replies as plain data, in RESP3's shape. Handlers return them; the encoder turns them into the protocol that
 * the connection speaks (RESP2 has no map, set, double, boolean or null of its own: the encoder knows how
 * Redis flattens them).
 */
export type Reply =
  | { readonly kind: 'simple'; readonly text: string }
  /** `text` is the whole line after `-`, e.g. `ERR syntax error`. */
  | { readonly kind: 'error'; readonly text: string }
  /** A bigint only outside the safe integers; 64-bit signed. */
  | { readonly kind: 'integer'; readonly value: number | bigint }
  | { readonly kind: 'bulk'; readonly bytes: Buffer }
  /** A bulk, of one character a byte. */
  | { readonly kind: 'latin1'; readonly text: string }
  /** `array`: RESP2 says `*-1` instead of `$-1`. */
  | { readonly kind: 'null'; readonly array?: true }
  | { readonly kind: 'array'; readonly items: readonly Reply[] }
  | { readonly kind: 'map'; readonly entries: readonly (readonly [Reply, Reply])[] }
  | { readonly kind: 'set'; readonly items: readonly Reply[] }
  | { readonly kind: 'push'; readonly items: readonly Reply[] }
  | { readonly kind: 'double'; readonly value: number }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'verbatim'; readonly format: string; readonly bytes: Buffer };

export const OK: Reply = { kind: 'simple', text: 'OK' };
export const NULL: Reply = { kind: 'null' };
export const NULL_ARRAY: Reply = { kind: 'null', array: true };
export const EMPTY_ARRAY: Reply = { kind: 'array', items: [] };

export const simple = (text: string): Reply => ({ kind: 'simple', text });
export const error = (text: string): Reply => ({ kind: 'error', text });
export const integer = (value: number | bigint): Reply => ({ kind: 'integer', value });
export const bulk = (bytes: Buffer | string): Reply => ({
  kind: 'bulk',
  bytes: typeof bytes === 'string' ? Buffer.from(bytes) : bytes,
});
export const latin1 = (text: string): Reply => ({ kind: 'latin1', text });
export const array = (items: readonly Reply[]): Reply => ({ kind: 'array', items });
export const map = (entries: readonly (readonly [Reply, Reply])[]): Reply => ({ kind: 'map', entries });
