/**
 * A channel whose TCP socket its owner can destroy, which grpc-js offers no way to do.
 *
 * Why: to give a connection up by cancelling its streams is not safe. While the socket is choked, Node's HTTP/2 keeps the resets in
 * a list and loses those of streams that are gone by the time it can send; what such a stream had queued is then asked for without
 * an end, in one loop that fills the memory (Node 20: Http2Session::SendPendingData). A process that was stopped for some seconds
 * and woke with its peers gone did just that. A destroyed socket ends the session with all that it holds.
 */
import type { Socket } from 'node:net';
import type { ChannelCredentials } from '@grpc/grpc-js';

/** The same credentials; `onSocket` is handed each connection's socket before anything is said on it. */
export function tapSocket(
  credentials: ChannelCredentials,
  onSocket: (socket: Socket) => void,
): ChannelCredentials {
  const tapped = Object.create(credentials) as ChannelCredentials;
  tapped._createSecureConnector = (target, options, callCredentials) => {
    const connector = credentials._createSecureConnector(target, options, callCredentials);
    return {
      connect: (socket) => {
        onSocket(socket);
        return connector.connect(socket);
      },
      waitForReady: () => connector.waitForReady(),
      getCallCredentials: () => connector.getCallCredentials(),
      destroy: () => connector.destroy(),
    };
  };
  return tapped;
}
