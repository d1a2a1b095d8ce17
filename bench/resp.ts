/**
 * The hot path alone: pipelined SETs through the real parser, connection and encoder, without a socket and
 * without a database. It bounds what a node can answer, it does not predict it.
 *
 *     node dist/bench/resp.js [seconds]
 */
import type { ByteStream } from '../src/resp/byte-stream.js';
import { Connection } from '../src/resp/connection.js';
import { DEFAULT_CONNECTION_LIMITS } from '../src/resp/limits.js';
import { RequestParser } from '../src/resp/parser.js';
import { OK } from '../src/resp/reply.js';
import { Turns } from '../src/resp/turns.js';

const CHUNK_BYTES = 65_536;
const seconds = Number(process.argv[2] ?? '2');

function pipelinedSets(): { readonly chunk: Buffer; readonly requests: number } {
  const parts: string[] = [];
  for (let size = 0, number = 0; size < CHUNK_BYTES; number++) {
    const key = `key:${String(number).padStart(12, '0')}`;
    const request = `*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$3\r\nxxx\r\n`;
    size += request.length;
    parts.push(request);
  }
  return { chunk: Buffer.from(parts.join('')), requests: parts.length };
}

function measure(name: string, requests: number, round: () => void): void {
  for (let warm = 0; warm < 50; warm++) round();
  const started = process.hrtime.bigint();
  let count = 0;
  let elapsedMs = 0;
  while (elapsedMs < seconds * 1000) {
    for (let turn = 0; turn < 20; turn++) round();
    count += 20 * requests;
    elapsedMs = Number(process.hrtime.bigint() - started) / 1e6;
  }
  console.log(`${name}: ${Math.round(count / elapsedMs / 10) / 100} million SETs/s`);
}

/** A chunk is fresh in life, but copying it here would be measured too. */
function measureParser(): void {
  const { chunk, requests } = pipelinedSets();
  const parser = new RequestParser();
  measure('parse', requests, () => {
    parser.feed(chunk);
    while (parser.next() !== undefined);
  });
}

function measureConnection(): void {
  const { chunk, requests } = pipelinedSets();
  const due: (() => void)[] = [];
  const stream: ByteStream = {
    write: () => {},
    unsentBytes: 0,
    pause: () => {},
    resume: () => {},
    end: () => {},
    destroy: () => {},
  };
  const options = {
    id: 1,
    remoteAddress: 'client:1',
    localAddress: 'server:1',
    limits: DEFAULT_CONNECTION_LIMITS,
    turns: new Turns((run) => void due.push(run)),
  };
  const connection = new Connection(stream, options, () => ({
    execute: (_argv, answer) => {
      answer(OK);
      return 'go';
    },
    closed: () => {},
  }));
  measure('parse, order, encode', requests, () => {
    connection.received(chunk);
    for (let run = due.pop(); run !== undefined; run = due.pop()) run();
  });
}

measureParser();
measureConnection();
