import { readFileSync } from 'node:fs';

import { createApp } from './app.js';
import { log } from './log.js';

// ECS kills a task 30 seconds after it asked it to stop.
const STOP_MS = 25_000;

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const app = createApp({
  basePath: process.env.BASE_PATH || '/',
  version,
  commit: process.env.COMMIT_ID || undefined,
});

app.server.on('error', fail);
app.server.on('listening', () => {
  log('info', { message: 'listening', port: app.server.address().port, version });
});
try {
  app.server.listen({ port: Number(process.env.PORT || 3000) });
} catch (error) {
  fail(error);
}

// Once: the second signal ends the process at once.
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, stop);

async function stop(signal) {
  log('info', { message: 'stopping', signal });
  const finished = await app.stop(STOP_MS);
  log('info', { message: finished ? 'stopped' : 'stopped with requests open' });
  process.exitCode = finished ? 0 : 1;
}

function fail(error) {
  log('error', { message: error.message });
  process.exitCode = 1;
}
