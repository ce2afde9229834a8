import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import readline from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const INDEX = fileURLToPath(new URL('../src/index.js', import.meta.url));

function start(port) {
  return spawn(process.execPath, [INDEX], { env: { PORT: port }, stdio: ['ignore', 'pipe', 'pipe'] });
}

test('finishes what is open when it is told to stop, and exits well', async () => {
  const child = start('0');
  const lines = readline.createInterface({ input: child.stdout });
  const { port } = JSON.parse((await once(lines, 'line'))[0]);
  const exited = once(child, 'exit');
  const socket = net.connect(port, '127.0.0.1').setEncoding('utf8');
  const head = 'GET /health HTTP/1.1\r\nHost: localhost\r\n';
  // One whole request and the beginning of a second: the answer to the first says that the
  // beginning has arrived, too.
  socket.write(`${head}\r\n${head}`);
  const [first] = await once(socket, 'data');
  assert.match(first, /^HTTP\/1.1 200 /);
  child.kill('SIGTERM');
  while (JSON.parse((await once(lines, 'line'))[0]).event !== 'stopping');
  socket.write('\r\n');
  const [second] = await once(socket, 'data');
  assert.match(second, /^HTTP\/1.1 200 /);
  socket.end();
  assert.deepEqual(await exited, [0, null]);
});

test('refuses a port that is none', async () => {
  const child = start('abc');
  let errors = '';
  child.stderr.on('data', (data) => (errors += data));
  const [code] = await once(child, 'close');
  assert.equal(code, 1);
  assert.match(errors, /PORT must be a number from 0 to 65535, got 'abc'/);
});
