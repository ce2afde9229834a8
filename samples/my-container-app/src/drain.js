/**
 * Let a server stop without cutting off a request.
 *
 * @param {import('node:http').Server} server One without a listener for requests yet.
 * @returns {{readonly draining: boolean, stop: (timeoutMs: number) => Promise<boolean>}}
 */
export function makeDrainable(server) {
  const sockets = new Set();
  let draining = false;

  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.on('request', (_request, response) => {
    if (draining) response.setHeader('Connection', 'close');
    // A request that came before the stop leaves a connection that waits for the next one.
    response.once('close', () => draining && server.closeIdleConnections());
  });

  return {
    get draining() {
      return draining;
    },

    /**
     * Stop accepting connections and wait for the requests that are open.
     *
     * @param {number} timeoutMs When to give up on them.
     * @returns {Promise<boolean>} Whether all of them were finished.
     */
    async stop(timeoutMs) {
      draining = true;
      let finished = true;
      const timer = setTimeout(() => {
        finished = false;
        server.closeAllConnections();
      }, timeoutMs);
      const closed = new Promise((resolve) => server.close(resolve));
      // Browsers open connections in advance; Node does not count these as idle.
      for (const socket of sockets) if (socket.bytesRead === 0) socket.destroy();
      await closed;
      clearTimeout(timer);
      return finished;
    },
  };
}
