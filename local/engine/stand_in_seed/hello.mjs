// Stands in for Google's hello-app: 200 on every path, at $PORT.
import { createServer } from 'node:http';

const server = createServer((_request, response) => response.end('Hello, world!\n'));
server.listen(Number(process.env.PORT || 8080));
// Process 1 has to ask for signals.
process.once('SIGTERM', () => process.exit(0));
