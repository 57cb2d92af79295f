// GRPCInferenceService as grpc-js and proto-loader see it: on the definition that the protocol's authors publish
// (../shared; skipped without it), on ours, and on Triton's for what it adds.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { join } from 'node:path';
import grpc from '@grpc/grpc-js';
import loader from '@grpc/proto-loader';
import { startEngine } from './engine.mjs';

const source = process.env.SOURCE;
const published = join(source, '../shared/specs/ai/open-inference-protocol/open_inference_grpc.proto');
const ours = join(source, 'src/api/oip/inference.proto');

let engine;
const clients = [];
before(async () => { engine = await startEngine({ repository: 'load' }); });
after(async () => {
  for (const client of clients) client.close();
  await engine.stop();
});

function connect(proto) {
  const { inference } = grpc.loadPackageDefinition(loader.loadSync(proto));
  const client = new inference.GRPCInferenceService(engine.address, grpc.credentials.createInsecure());
  clients.push(client);
  return client;
}

const call = (client, method, request = {}, options = {}) => new Promise((resolve, reject) => {
  client[method](request, new grpc.Metadata(), options, (error, answer) => (error ? reject(error) : resolve(answer)));
});

const bytes = Buffer.from([1, 2, 3, 250]);
const raw = (data = bytes) => ({
  modelName: 'echo', id: 'a', inputs: [{ name: 'x', datatype: 'UINT8', shape: [data.length] }], rawInputContents: [data],
});

for (const [name, proto] of [['the published definition', published], ['our definition', ours]]) {
  const skip = existsSync(proto) ? false : `${proto} is not there`;

  test(`${name}: health and metadata`, { skip }, async () => {
    const client = connect(proto);
    assert.equal((await call(client, 'ServerLive')).live, true);
    assert.equal((await call(client, 'ServerReady')).ready, true);
    assert.equal((await call(client, 'ModelReady', { name: 'echo' })).ready, true);
    assert.equal((await call(client, 'ModelReady', { name: 'none' })).ready ?? false, false);
    assert.equal((await call(client, 'ServerMetadata')).name, 'barrio');
    const model = await call(client, 'ModelMetadata', { name: 'echo' });
    assert.equal(model.inputs[0].datatype, 'UINT8');
    assert.deepEqual(model.versions, ['1']);
  });

  test(`${name}: tensors raw and typed, small and large`, { skip }, async () => {
    const client = connect(proto);
    const answer = await call(client, 'ModelInfer', raw());
    assert.equal(answer.modelName, 'echo');
    assert.equal(answer.id, 'a');
    assert.equal(answer.outputs[0].name, 'y');
    assert.deepEqual(answer.rawOutputContents[0], bytes);
    const typed = await call(client, 'ModelInfer', {
      modelName: 'echo', inputs: [{ name: 'x', datatype: 'UINT8', shape: [3], contents: { uintContents: [7, 8, 9] } }],
    });
    assert.deepEqual(typed.outputs[0].contents.uintContents, [7, 8, 9]);
    const large = Buffer.alloc(600000, 5);
    assert.deepEqual((await call(client, 'ModelInfer', raw(large))).rawOutputContents[0], large);
  });

  test(`${name}: a hundred calls at once`, { skip }, async () => {
    const client = connect(proto);
    const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => call(client, 'ModelInfer', raw(Buffer.from([i])))));
    answers.forEach((answer, i) => assert.deepEqual(answer.rawOutputContents[0], Buffer.from([i])));
  });

  test(`${name}: errors have the status that clients act on`, { skip }, async () => {
    const client = connect(proto);
    const fails = (request, code, words, options) => assert.rejects(call(client, 'ModelInfer', request, options),
      (error) => error.code === code && words.test(error.details));
    await fails({ ...raw(), modelName: 'none' }, grpc.status.NOT_FOUND, /none/);
    await fails({ ...raw(), inputs: [] }, grpc.status.INVALID_ARGUMENT, /raw contents/);
    await fails({ modelName: 'echo' }, grpc.status.INVALID_ARGUMENT, /input 'x': is missing/);
    // Less time than the model takes: refused, or the client itself gives up.
    await assert.rejects(call(client, 'ModelInfer', raw(), { deadline: Date.now() + 1 }),
      (error) => [grpc.status.RESOURCE_EXHAUSTED, grpc.status.DEADLINE_EXCEEDED].includes(error.code));
  });
}

test('a stream of requests is a stream of answers, errors among them', async () => {
  const stream = connect(ours).ModelStreamInfer();
  const answers = [];
  const ended = new Promise((resolve, reject) => {
    stream.on('data', (answer) => answers.push(answer));
    stream.on('end', resolve);
    stream.on('error', reject);
  });
  for (let i = 0; i < 50; ++i) stream.write({ ...raw(Buffer.from([i])), id: String(i), modelName: i === 7 ? 'none' : 'echo' });
  stream.end();
  await ended;
  assert.deepEqual(answers.map((answer) => answer.inferResponse.id), Array.from({ length: 50 }, (_, i) => String(i)));
  assert.match(answers[7].errorMessage, /none/);
  assert.deepEqual(answers[49].inferResponse.rawOutputContents[0], Buffer.from([49]));
});

test('statistics, configuration and the repository', async () => {
  const client = connect(ours);
  await call(client, 'ModelInfer', raw());
  const [one] = (await call(client, 'ModelStatistics', { name: 'echo' })).modelStats;
  assert.ok(Number(one.inferenceCount) > 0);
  assert.ok(Number(one.inferenceStats.success.ns) > 1e6);
  assert.ok(Math.abs(Number(one.lastInference) - Date.now()) < 60000);
  assert.equal((await call(client, 'ModelConfig', { name: 'echo' })).config.input[0].dataType, 2); // TYPE_UINT8
  await call(client, 'RepositoryModelLoad', {
    modelName: 'second', parameters: { backend: { stringParam: 'profile' }, builtin: { stringParam: 'a=1ms,c=0ms' } },
  });
  const states = async () => (await call(client, 'RepositoryIndex')).models.map((model) => `${model.name} ${model.state}`);
  assert.deepEqual(await states(), ['echo READY', 'second READY']);
  assert.deepEqual((await call(client, 'ModelInfer', { ...raw(), modelName: 'second' })).rawOutputContents[0], bytes);
  await call(client, 'RepositoryModelUnload', { modelName: 'second' });
  assert.deepEqual(await states(), ['echo READY', 'second UNAVAILABLE']);
  await assert.rejects(call(client, 'RepositoryModelLoad', { modelName: 'x', parameters: { path: { stringParam: '/x' } } }),
    { code: grpc.status.PERMISSION_DENIED });
});

test('compression is not taken, and said so', async () => {
  const { inference } = grpc.loadPackageDefinition(loader.loadSync(ours));
  const client = new inference.GRPCInferenceService(engine.address, grpc.credentials.createInsecure(),
    { 'grpc.default_compression_algorithm': 2 });
  clients.push(client);
  await assert.rejects(call(client, 'ModelInfer', raw()), { code: grpc.status.UNIMPLEMENTED });
});
