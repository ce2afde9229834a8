import { performance } from 'node:perf_hooks';

/**
 * Write a line of the log: one JSON object, to standard output.
 *
 * @param {'info' | 'error'} level
 * @param {object} fields
 */
export function log(level, fields) {
  process.stdout.write(`${JSON.stringify({ time: new Date().toISOString(), level, ...fields })}\n`);
}

/**
 * Log a request once its response is through, or the client is gone.
 *
 * @param {import('node:http').IncomingMessage} request
 * @param {import('node:http').ServerResponse} response
 */
export function logAccess(request, response) {
  const started = performance.now();
  response.once('close', () => {
    log('info', {
      message: 'request',
      method: request.method,
      path: pathOf(request),
      status: response.writableFinished ? response.statusCode : 499,
      ms: Math.round(performance.now() - started),
    });
  });
}

/**
 * Return the path of a request without its query, which may hold a token.
 *
 * @param {import('node:http').IncomingMessage} request
 */
export function pathOf(request) {
  return request.url.split('?', 1)[0];
}
