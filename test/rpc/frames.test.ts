/** The hand-written encoding of the peer service is protobuf's, as proto-loader reads it from the .proto file. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FormatError } from '../../src/bytes.js';
import { decodeFrameList, encodeFrameList, type PeerMethodName, peerMethods } from '../../src/rpc/frames.js';
import { loadProto, serviceDefinition } from '../../src/rpc/proto.js';

const service = serviceDefinition(loadProto('talus/peer/v1/peer.proto'), 'talus.peer.v1.PeerService');
const names = Object.keys(peerMethods) as PeerMethodName[];
const list = fc.array(
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  { maxLength: 5 },
);

test('every method is there, with its path and both streams', () => {
  assert.deepEqual(Object.keys(service).sort(), names.toSorted());
  for (const name of names) {
    const { path, requestStream, responseStream } = service[name]!;
    assert.deepEqual({ path, requestStream, responseStream }, pick(peerMethods[name]));
  }
});

function pick({ path, requestStream, responseStream }: (typeof peerMethods)['Control']) {
  return { path, requestStream, responseStream };
}

test('both encodings are the same bytes, for requests and responses of each method', () => {
  fc.assert(
    fc.property(list, fc.constantFrom(...names), (frames, name) => {
      const reference = service[name]!;
      const bytes = encodeFrameList(frames);
      assert.deepEqual(reference.requestSerialize({ frames }), bytes);
      assert.deepEqual(reference.responseSerialize({ frames }), bytes);
      assert.deepEqual(decodeFrameList(bytes), frames);
      assert.deepEqual(reference.requestDeserialize(bytes).frames, frames);
    }),
    { numRuns: 300 },
  );
});

test('lengths at the edges of varints', () => {
  for (const length of [0, 127, 128, 16383, 16384, 2097151, 2097152]) {
    const frames = [Buffer.alloc(length, 7), Buffer.from('next')];
    assert.deepEqual(service.BinlogSync!.requestSerialize({ frames }), encodeFrameList(frames));
    assert.deepEqual(decodeFrameList(encodeFrameList(frames)), frames);
  }
});

test('fields of a later version are skipped', () => {
  const known = encodeFrameList([Buffer.from('a')]);
  const later = Buffer.concat([
    Buffer.of(0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01), // field 2: varint, ten bytes
    known,
    Buffer.of(0x1a, 2, 9, 9), // field 3: two bytes
    Buffer.of(0x21, 1, 2, 3, 4, 5, 6, 7, 8), // field 4: fixed64
    Buffer.of(0x2d, 1, 2, 3, 4), // field 5: fixed32
  ]);
  assert.deepEqual(decodeFrameList(later), [Buffer.from('a')]);
});

test('noise is frames or a FormatError', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (noise) => {
      try {
        decodeFrameList(Buffer.from(noise));
      } catch (error) {
        assert.ok(error instanceof FormatError, String(error));
      }
    }),
    { numRuns: 3000 },
  );
});
