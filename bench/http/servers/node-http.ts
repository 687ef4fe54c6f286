import { createServer } from 'node:http';

const server = createServer((request, response) => {
  const isJson = request.url === '/json';
  const body = isJson ? JSON.stringify({ message: 'Hello, World!' }) : 'Hello, World!';
  response.writeHead(200, {
    'Content-Type': isJson ? 'application/json' : 'text/plain',
    'Content-Length': body.length,
  });
  response.end(body);
});
server.listen(0, '127.0.0.1', () => {
  console.log(`ready on 127.0.0.1:${(server.address() as { port: number }).port}`);
});
