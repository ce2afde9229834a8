import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../src/index.js', import.meta.url));

/** Start the program; return its process, and its log entry by entry. */
function start(t, environment) {
  const child = spawn(process.execPath, [program], {
    env: { PATH: process.env.PATH, ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => JSON.parse((await lines.next()).value);
  return { child, next };
}

describe('the program', () => {
  for (const signal of ['SIGTERM', 'SIGINT']) {
    it(`serves until ${signal}, even with a connection kept alive`, async (t) => {
      const { child, next } = start(t, { PORT: '0', COMMIT_ID: 'abc1234' });
      const listening = await next();
      assert.equal(listening.message, 'listening');

      const response = await fetch(`http://127.0.0.1:${listening.port}/?token=secret`);
      const { commit, version } = await response.json();
      assert.equal(commit, 'abc1234');
      assert.equal(version, listening.version);

      const { time, ms, ...request } = await next();
      assert.deepEqual(request, {
        level: 'info',
        message: 'request',
        method: 'GET',
        path: '/',
        status: 200,
      });
      assert.ok(Date.parse(time) > 0);
      assert.ok(ms >= 0);

      child.kill(signal);
      assert.equal((await next()).signal, signal);
      assert.equal((await next()).message, 'stopped');
      assert.deepEqual(await once(child, 'exit'), [0, null]);
    });
  }

  it('fails when its port is taken', async (t) => {
    const other = createServer().listen(0);
    t.after(() => other.close());
    await once(other, 'listening');

    const { child, next } = start(t, { PORT: String(other.address().port) });

    assert.match((await next()).message, /EADDRINUSE/);
    assert.deepEqual(await once(child, 'exit'), [1, null]);
  });

  for (const port of ['http', '70000', '-1']) {
    it(`fails with the port ${port}`, async (t) => {
      const { child, next } = start(t, { PORT: port });

      const { level, message } = await next();
      assert.equal(level, 'error');
      assert.match(message, /port/);
      assert.deepEqual(await once(child, 'exit'), [1, null]);
    });
  }
});
