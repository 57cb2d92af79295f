// gRPC from end to end: grpc-js calls, through echo_server (net::Server and net::Client), what grpc-js serves.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import grpc from '@grpc/grpc-js';
import { forwarder } from './forwarder.mjs';

const identity = (bytes) => bytes;
const method = (name, requestStream, responseStream) => ({
  path: `/echo.Echo/${name}`, requestStream, responseStream,
  requestSerialize: identity, requestDeserialize: identity, responseSerialize: identity, responseDeserialize: identity,
});
const service = {
  unary: method('Unary', false, false),
  collect: method('Collect', true, false),
  count: method('Count', false, true),
  chat: method('Chat', true, true),
  fail: method('Fail', false, false),
  never: method('Never', false, false),
};

let waiting = null; // resolves with the next call of `never` once that is cancelled

const handlers = {
  unary(call, done) {
    const trailing = new grpc.Metadata();
    trailing.set('answered', 'yes');
    const initial = new grpc.Metadata();
    initial.set('echoed', call.metadata.get('asked')[0] ?? 'nothing');
    initial.set('bytes-bin', call.metadata.get('bytes-bin')[0] ?? Buffer.alloc(0));
    call.sendMetadata(initial);
    done(null, call.request, trailing);
  },
  collect(call, done) {
    const pieces = [];
    call.on('data', (piece) => pieces.push(piece));
    call.on('end', () => done(null, Buffer.concat(pieces)));
  },
  count(call) {
    for (let i = 0; i < Number(call.request.toString()); ++i) call.write(Buffer.from(String(i)));
    call.end();
  },
  chat(call) {
    call.on('data', (piece) => {
      if (!call.write(piece)) call.pause();
    });
    call.on('drain', () => call.resume());
    call.on('end', () => call.end());
  },
  fail(call, done) {
    const metadata = new grpc.Metadata();
    metadata.set('why', 'because');
    done({ code: grpc.status.FAILED_PRECONDITION, details: 'no: 100 % sure, señor', metadata });
  },
  never(call) {
    call.on('cancelled', () => waiting.resolve());
  },
};

let server, through, client;

before(async () => {
  server = new grpc.Server({ 'grpc.max_receive_message_length': -1 });
  server.addService(service, handlers);
  const port = await new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(),
      (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  through = await forwarder(`127.0.0.1:${port}`);
  const Echo = grpc.makeGenericClientConstructor(service, 'Echo');
  client = new Echo(through.address, grpc.credentials.createInsecure(), { 'grpc.max_receive_message_length': -1 });
});

after(() => {
  client.close();
  server.forceShutdown();
  through.stop();
});

const unary = (request, metadata = new grpc.Metadata()) => new Promise((resolve, reject) => {
  const got = {};
  const call = client.unary(request, metadata, (error, answer) => {
    if (error) return reject(error);
    got.answer = answer;
  });
  call.on('metadata', (initial) => { got.initial = initial; });
  call.on('status', (status) => { got.status = status; resolve(got); });
});

test('a unary call brings its answer and both kinds of metadata', async () => {
  const metadata = new grpc.Metadata();
  metadata.set('asked', 'hello');
  metadata.set('bytes-bin', Buffer.from([0, 1, 254, 255]));
  const got = await unary(Buffer.from('ping'), metadata);
  assert.equal(got.answer.toString(), 'ping');
  assert.equal(got.initial.get('echoed')[0], 'hello');
  assert.deepEqual(got.initial.get('bytes-bin')[0], Buffer.from([0, 1, 254, 255]));
  assert.equal(got.status.code, grpc.status.OK);
  assert.equal(got.status.metadata.get('answered')[0], 'yes');
});

test('messages of every size arrive whole', async () => {
  for (const size of [0, 1, 16384, 1000000, 8000000]) {
    const got = await unary(Buffer.alloc(size, 'm'));
    assert.equal(got.answer.length, size);
  }
});

test('five hundred calls at once are five hundred answers', async () => {
  const answers = await Promise.all(Array.from({ length: 500 }, (_, i) => unary(Buffer.from(`call ${i}`))));
  answers.forEach((got, i) => assert.equal(got.answer.toString(), `call ${i}`));
});

test('a client streams', async () => {
  const answer = await new Promise((resolve, reject) => {
    const call = client.collect((error, bytes) => (error ? reject(error) : resolve(bytes)));
    for (let i = 0; i < 100; ++i) call.write(Buffer.alloc(10000, String(i % 10)));
    call.end();
  });
  assert.equal(answer.length, 1000000);
});

test('a server streams', async () => {
  const call = client.count(Buffer.from('5000'));
  let next = 0;
  for await (const piece of call) assert.equal(piece.toString(), String(next++));
  assert.equal(next, 5000);
});

test('both sides stream at once, faster than either reads', async () => {
  const call = client.chat();
  const size = 64 * 1024;
  const count = 300;
  let received = 0;
  const all = new Promise((resolve, reject) => {
    call.on('data', (piece) => { received += piece.length; });
    call.on('end', resolve);
    call.on('error', reject);
  });
  for (let i = 0; i < count; ++i) {
    if (!call.write(Buffer.alloc(size, 'c'))) await new Promise((resolve) => call.once('drain', resolve));
  }
  call.end();
  await all;
  assert.equal(received, size * count);
});

test('a conversation goes back and forth on one stream', async () => {
  const call = client.chat();
  const answers = call[Symbol.asyncIterator]();
  for (let i = 0; i < 20; ++i) {
    call.write(Buffer.from(`line ${i}`));
    assert.equal((await answers.next()).value.toString(), `line ${i}`);
  }
  call.end();
  assert.equal((await answers.next()).done, true);
});

test('an error comes with its status, its words and its trailers', async () => {
  const error = await new Promise((resolve) => client.fail(Buffer.from(''), resolve));
  assert.equal(error.code, grpc.status.FAILED_PRECONDITION);
  assert.equal(error.details, 'no: 100 % sure, señor');
  assert.equal(error.metadata.get('why')[0], 'because');
});

test('a method that is not there is unimplemented', async () => {
  const Other = grpc.makeGenericClientConstructor({ none: method('None', false, false) }, 'Other');
  const other = new Other(through.address, grpc.credentials.createInsecure());
  const error = await new Promise((resolve) => other.none(Buffer.from(''), resolve));
  assert.equal(error.code, grpc.status.UNIMPLEMENTED);
  other.close();
});

const cancelled = () => new Promise((resolve) => { waiting = { resolve }; });

test('a deadline ends the call on both sides', async () => {
  const seen = cancelled();
  const error = await new Promise((resolve) => {
    client.never(Buffer.from(''), new grpc.Metadata(), { deadline: Date.now() + 200 }, resolve);
  });
  assert.equal(error.code, grpc.status.DEADLINE_EXCEEDED);
  await seen;
});

test('a cancelled call is cancelled on the other side', async () => {
  const seen = cancelled();
  let call;
  const error = new Promise((resolve) => { call = client.never(Buffer.from(''), resolve); });
  await unary(Buffer.from('the call before has arrived by now'));
  call.cancel();
  assert.equal((await error).code, grpc.status.CANCELLED);
  await seen;
});

test('a server that is gone is unavailable, not a hang', async () => {
  const lonely = await forwarder('127.0.0.1:1');
  const Echo = grpc.makeGenericClientConstructor(service, 'Echo');
  const alone = new Echo(lonely.address, grpc.credentials.createInsecure());
  const error = await new Promise((resolve) => alone.unary(Buffer.from(''), resolve));
  assert.equal(error.code, grpc.status.UNAVAILABLE);
  alone.close();
  lonely.stop();
});
