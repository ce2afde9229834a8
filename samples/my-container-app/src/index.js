import { createServer } from './app.js';

const port = Number(process.env.PORT ?? 3000);
if (!Number.isInteger(port) || port < 0 || port > 65535) {
  console.error(`PORT must be a number from 0 to 65535, got '${process.env.PORT}'`);
  process.exit(1);
}

const write = (entry) => console.log(JSON.stringify({ time: new Date().toISOString(), ...entry }));

const server = createServer(write);
server.on('error', (error) => {
  write({ event: 'failed', reason: error.message });
  process.exit(1);
});
server.listen(port, () => write({ event: 'listening', port: server.address().port }));

// ECS sends SIGTERM, waits for its stop time-out, then kills. By then the load balancer sends
// nothing new; what is still being answered is finished.
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, () => {
    write({ event: 'stopping', signal });
    server.close(() => {
      write({ event: 'stopped' });
      process.exit(0);
    });
    server.closeIdleConnections();
  });
}
