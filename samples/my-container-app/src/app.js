import http from 'node:http';

// Change this line and release again to see a new version go live.
export const GREETING = 'Hello from my-container-app';

const ROUTES = new Map([
  ['/', () => ({ message: GREETING })],
  ['/health', () => ({ status: 'healthy' })],
]);

/**
 * Make the server; it listens to nothing yet.
 *
 * @param {(entry: object) => void} log receives one entry for each request
 * @returns {http.Server}
 */
export function createServer(log) {
  const server = http.createServer((request, response) => {
    const started = process.hrtime.bigint();
    // The query may carry what is nobody's business: it is neither used nor logged.
    const path = request.url.split('?', 1)[0];
    response.on('finish', () => {
      log({
        method: request.method,
        path,
        status: response.statusCode,
        ms: Number(process.hrtime.bigint() - started) / 1e6,
      });
    });
    const [status, body, headers] = answer(request.method, path);
    const text = `${JSON.stringify(body)}\n`;
    response.writeHead(status, {
      'Content-Type': 'application/json; charset=utf-8',
      'Content-Length': Buffer.byteLength(text),
      ...headers,
    });
    response.end(request.method === 'HEAD' ? undefined : text);
  });
  // Longer than the 60 seconds for which a load balancer keeps idle connections: when this side
  // closes first, a request that is on its way is answered with 502.
  server.keepAliveTimeout = 65_000;
  server.headersTimeout = 66_000;
  return server;
}

function answer(method, path) {
  const route = ROUTES.get(path);
  if (route === undefined) return [404, { error: 'not found' }, {}];
  if (method !== 'GET' && method !== 'HEAD') {
    return [405, { error: 'method not allowed' }, { Allow: 'GET, HEAD' }];
  }
  return [200, route(), {}];
}
