// WebSocket through an upgrade tunnel: the `ws` client, echo_server between them, the `ws` server.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import WebSocket, { WebSocketServer } from 'ws';
import { forwarder } from './forwarder.mjs';

let origin, sockets, through;

before(async () => {
  origin = createServer((request, response) => response.end('plain HTTP'));
  sockets = new WebSocketServer({ server: origin, handleProtocols: (offered) => [...offered][0] });
  sockets.on('connection', (socket, request) => {
    if (request.url === '/bye') return socket.close(4001, 'not today');
    socket.on('message', (data, binary) => socket.send(data, { binary }));
  });
  origin.listen(0, '127.0.0.1');
  await once(origin, 'listening');
  const address = `127.0.0.1:${origin.address().port}`;
  through = await forwarder(address, address);
});

after(() => {
  for (const socket of sockets.clients) socket.terminate();
  origin.close();
  through.stop();
});

async function connect(path = '/', protocols = []) {
  const socket = new WebSocket(`ws://${through.address}${path}`, protocols);
  await once(socket, 'open');
  return socket;
}

async function echoed(socket, message) {
  socket.send(message);
  const [data, binary] = await once(socket, 'message');
  return binary ? data : data.toString();
}

test('text and binary messages come back, small and large', async () => {
  const socket = await connect();
  assert.equal(await echoed(socket, 'hello'), 'hello');
  const bytes = Buffer.alloc(5000000, 7);
  const hash = (data) => createHash('sha256').update(data).digest('hex');
  assert.equal(hash(await echoed(socket, bytes)), hash(bytes));
  for (let i = 0; i < 200; ++i) assert.equal(await echoed(socket, `message ${i}`), `message ${i}`);
  socket.close(1000, 'done');
  const [code, reason] = await once(socket, 'close');
  assert.equal(code, 1000);
  assert.equal(reason.toString(), 'done');
});

test('the handshake passes, with the protocol that both sides speak', async () => {
  const socket = await connect('/', ['chat', 'other']);
  assert.equal(socket.protocol, 'chat');
  socket.ping('are you there');
  assert.equal((await once(socket, 'pong'))[0].toString(), 'are you there');
  socket.close();
  await once(socket, 'close');
});

test('when the server closes, the client hears why', async () => {
  const socket = new WebSocket(`ws://${through.address}/bye`);
  const [code, reason] = await once(socket, 'close');
  assert.equal(code, 4001);
  assert.equal(reason.toString(), 'not today');
});

test('a client that breaks off leaves no socket behind', async () => {
  const accepted = once(sockets, 'connection');
  const socket = await connect();
  const [other] = await accepted;
  const gone = once(other, 'close');
  socket.terminate();
  await gone;
  assert.equal(sockets.clients.has(other), false);
});

test('many at once, each with its own bytes', async () => {
  const all = await Promise.all(Array.from({ length: 50 }, () => connect()));
  const answers = await Promise.all(all.map((socket, i) => echoed(socket, `socket ${i}`)));
  answers.forEach((answer, i) => assert.equal(answer, `socket ${i}`));
  for (const socket of all) socket.close();
  await Promise.all(all.map((socket) => once(socket, 'close')));
});
