import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';

import { createApp } from '../src/app.js';
import { GREETING } from '../src/greeting.js';

describe('the service', () => {
  const app = createApp({ version: '1.2.3', commit: 'abc1234' });
  let base;

  before(async () => {
    app.server.listen(0, '127.0.0.1');
    await once(app.server, 'listening');
    base = `http://127.0.0.1:${app.server.address().port}`;
  });
  after(() => app.stop(1_000));

  it('greets and tells what it is', async () => {
    const response = await fetch(base);

    assert.equal(response.status, 200);
    assert.equal(response.headers.get('content-type'), 'application/json; charset=utf-8');
    assert.deepEqual(await response.json(), {
      message: GREETING,
      version: '1.2.3',
      commit: 'abc1234',
    });
  });

  it('is healthy', async () => {
    const response = await fetch(`${base}/health`);

    assert.equal(response.status, 200);
    assert.deepEqual(await response.json(), { status: 'healthy' });
  });

  it('takes no notice of a query', async () => {
    assert.equal((await fetch(`${base}/health?verbose=1`)).status, 200);
  });

  for (const path of ['/nothing', '/health/', '//', '/__proto__', '/constructor']) {
    it(`does not know ${path}`, async () => {
      const response = await fetch(base + path);

      assert.equal(response.status, 404);
      assert.deepEqual(await response.json(), { error: 'not found' });
    });
  }

  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
    it(`allows no ${method}`, async () => {
      const response = await fetch(`${base}/`, { method });

      assert.equal(response.status, 405);
      assert.equal(response.headers.get('allow'), 'GET, HEAD');
    });
  }

  it('answers HEAD like GET, without a body', async () => {
    const get = await fetch(base);
    const head = await fetch(base, { method: 'HEAD' });

    assert.equal(head.status, 200);
    assert.equal(head.headers.get('content-length'), get.headers.get('content-length'));
    assert.equal(await head.text(), '');
  });

  it('keeps connections longer than the load balancer does', () => {
    assert.ok(app.server.keepAliveTimeout > 60_000);
  });
});

it('greets below the path that a load balancer gives it', async (t) => {
  const app = createApp({ basePath: '/shop/' });
  t.after(() => app.stop(1_000));
  app.server.listen(0, '127.0.0.1');
  await once(app.server, 'listening');
  const base = `http://127.0.0.1:${app.server.address().port}`;

  assert.deepEqual(await (await fetch(`${base}/shop/`)).json(), { message: GREETING });
  assert.equal((await fetch(`${base}/health`)).status, 200);
  assert.equal((await fetch(`${base}/`)).status, 404);
});

it('is no longer healthy once it stops', async () => {
  const app = createApp();
  app.server.listen(0, '127.0.0.1');
  await once(app.server, 'listening');
  const client = connect(app.server.address().port, '127.0.0.1').setEncoding('utf8');
  const [connection] = await once(app.server, 'connection');
  client.write('GET /health HTTP/1.1\r\nHost: test\r\n');
  while (connection.bytesRead === 0) await setImmediate();

  const stopped = app.stop(10_000);
  client.write('\r\n');
  const answer = (await client.toArray()).join('');

  assert.match(answer, /^HTTP\/1\.1 503 /);
  assert.match(answer, /^Connection: close\r$/m);
  assert.match(answer, /\{"status":"draining"\}\n$/);
  assert.equal(await stopped, true);
});
