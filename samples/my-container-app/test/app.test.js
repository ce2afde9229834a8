import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { createServer, GREETING } from '../src/app.js';

const entries = [];
const server = createServer((entry) => entries.push(entry));
let address;

before(async () => {
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${server.address().port}`;
});

after(() => {
  server.close();
  server.closeAllConnections();
});

test('is healthy', async () => {
  const response = await fetch(`${address}/health`);
  assert.equal(response.status, 200);
  assert.deepEqual(await response.json(), { status: 'healthy' });
});

test('greets', async () => {
  const response = await fetch(address);
  assert.deepEqual(await response.json(), { message: GREETING });
});

test('answers HEAD without a body', async () => {
  const response = await fetch(`${address}/health`, { method: 'HEAD' });
  assert.equal(response.status, 200);
  assert.equal(await response.text(), '');
});

test('knows no other path', async () => {
  const response = await fetch(`${address}/nothing`);
  assert.equal(response.status, 404);
});

test('says which methods it takes', async () => {
  const response = await fetch(`${address}/health`, { method: 'POST' });
  assert.equal(response.status, 405);
  assert.equal(response.headers.get('allow'), 'GET, HEAD');
});

test('logs the path and never the query', async () => {
  await (await fetch(`${address}/health?token=hidden`)).text();
  assert.equal(entries.at(-1).path, '/health');
  assert.ok(!JSON.stringify(entries).includes('hidden'));
});
