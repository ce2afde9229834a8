import { createServer } from 'node:http';

import { makeDrainable } from './drain.js';
import { GREETING } from './greeting.js';
import { logAccess, pathOf } from './log.js';

// The load balancer keeps idle connections for 60 seconds. If this side closed one first, a request
// could be on its way, and the load balancer would answer it with a 502.
const KEEP_ALIVE_MS = 65_000;

/**
 * Make the service; it does not listen yet.
 *
 * @param {{basePath?: string, version?: string, commit?: string}} options Where it greets, `/` by
 *   default, and what it says of itself.
 * @returns {{server: import('node:http').Server, stop: (timeoutMs: number) => Promise<boolean>}}
 */
export function createApp({ basePath = '/', ...release } = {}) {
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS });
  const drain = makeDrainable(server);

  const routes = new Map([
    [basePath, () => [200, { message: GREETING, ...release }]],
    // Anything but 200 makes the load balancer send its requests elsewhere.
    ['/health', () => (drain.draining ? [503, { status: 'draining' }] : [200, { status: 'healthy' }])],
  ]);

  server.on('request', (request, response) => {
    logAccess(request, response);
    const route = routes.get(pathOf(request));
    if (!route) {
      send(response, 404, { error: 'not found' });
    } else if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      send(response, 405, { error: 'method not allowed' });
    } else {
      send(response, ...route());
    }
  });

  return { server, stop: drain.stop };
}

function send(response, status, body) {
  const text = `${JSON.stringify(body)}\n`;
  response.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  });
  // Node leaves out the body of an answer to HEAD.
  response.end(text);
}
