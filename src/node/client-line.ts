/**
 * A connection as CLIENT LIST and CLIENT INFO show it: Redis' fields in Redis' order, zeros for what has no meaning here.
 */
import type { Connection } from '../resp/connection.js';

export interface ClientFacts {
  readonly connection: Connection;
  readonly name: string;
  readonly ageSeconds: number;
  readonly idleSeconds: number;
  readonly tableId: number;
  readonly tableName: string;
  readonly lastCommand: string;
  readonly libName: string;
  readonly libVersion: string;
}

export function clientLine(facts: ClientFacts): string {
  const { connection } = facts;
  const fields: readonly (readonly [string, string | number])[] = [
    ['id', connection.id],
    ['addr', connection.remoteAddress],
    ['laddr', connection.localAddress],
    ['fd', 0],
    ['name', facts.name],
    ['age', facts.ageSeconds],
    ['idle', facts.idleSeconds],
    ['flags', 'N'],
    ['db', facts.tableId],
    ['sub', 0],
    ['psub', 0],
    ['multi', -1],
    ['qbuf', connection.bufferedBytes],
    ['obl', connection.unsentBytes],
    ['cmd', facts.lastCommand],
    ['user', facts.tableName],
    ['lib-name', facts.libName],
    ['lib-ver', facts.libVersion],
    ['resp', connection.protocol],
  ];
  return fields.map(([field, value]) => `${field}=${value}`).join(' ');
}
