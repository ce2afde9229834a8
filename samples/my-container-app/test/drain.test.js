import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, createServer, get } from 'node:http';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, it } from 'node:test';

import { makeDrainable } from '../src/drain.js';

describe('a server that stops', () => {
  let agent;
  let drain;
  let port;
  let server;

  beforeEach(async () => {
    agent = new Agent({ keepAlive: true });
    server = createServer({ keepAliveTimeout: 60_000 });
    drain = makeDrainable(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ({ port } = server.address());
  });
  afterEach(() => {
    agent.destroy();
    server.closeAllConnections();
    server.close();
  });

  /** Start a request; return its end and the server's response, which is still to be given. */
  async function open() {
    const answer = new Promise((resolve, reject) => {
      get({ port, host: '127.0.0.1', agent }, async (response) => {
        resolve({ status: response.statusCode, text: (await response.toArray()).join('') });
      }).on('error', reject);
    });
    answer.catch(() => {});
    const [, response] = await once(server, 'request');
    return { answer, response };
  }

  it('finishes the requests that are open, and only then is through', async () => {
    const { answer, response } = await open();
    let through = false;
    const stopped = drain.stop(10_000).then((finished) => {
      through = true;
      return finished;
    });
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(through, false);

    response.end('done');

    assert.deepEqual(await answer, { status: 200, text: 'done' });
    assert.equal(await stopped, true);
  });

  it('accepts no more connections', async () => {
    const { answer, response } = await open();
    const stopped = drain.stop(10_000);

    const [error] = await once(connect(port, '127.0.0.1'), 'error');
    assert.equal(error.code, 'ECONNREFUSED');

    response.end();
    await answer;
    await stopped;
  });

  it('closes connections that wait for a next request', async () => {
    const { answer, response } = await open();
    response.end('done');
    await answer;

    assert.equal(await drain.stop(10_000), true);
  });

  it('closes connections that were never used', async () => {
    const client = connect(port, '127.0.0.1');
    await once(server, 'connection');

    const [stopped] = await Promise.all([drain.stop(10_000), once(client.resume(), 'close')]);
    assert.equal(stopped, true);
  });

  it('gives up on a request that takes too long', async () => {
    const { answer } = await open();

    assert.equal(await drain.stop(1), false);
    await assert.rejects(answer, { code: 'ECONNRESET' });
  });

  it('says that it drains', async () => {
    assert.equal(drain.draining, false);
    await drain.stop(10_000);
    assert.equal(drain.draining, true);
  });
});
