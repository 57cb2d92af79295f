// The REST side as curl sees it, with the examples of docs/inference.md.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { startEngine } from './engine.mjs';

const run = promisify(execFile);
let engine;
before(async () => { engine = await startEngine(); });
after(() => engine.stop());

async function curl(path, ...options) {
  const { stdout } = await run('curl', ['--silent', '--show-error', '--max-time', '20', '--write-out', '\n%{http_code}', ...options,
    engine.url + path]);
  const end = stdout.lastIndexOf('\n');
  return { status: Number(stdout.slice(end + 1)), body: stdout.slice(0, end) };
}

test('an inference, in JSON', async () => {
  const answer = await curl('/v2/models/echo/infer', '-d',
    '{"id":"1","parameters":{"sigma":0.5},"inputs":[{"name":"x","datatype":"UINT8","shape":[2],"data":[1,2]}]}');
  assert.equal(answer.status, 200);
  assert.deepEqual(JSON.parse(answer.body).outputs[0].data, [1, 2]);
});

test('statistics and the index', async () => {
  const one = JSON.parse((await curl('/v2/models/echo/stats')).body).model_stats[0];
  assert.ok(one.inference_count > 0);
  assert.ok(one.inference_stats.compute_infer.ns > 0);
  assert.equal(JSON.parse((await curl('/v2/repository/index', '-X', 'POST')).body)[0].state, 'READY');
  assert.deepEqual(JSON.parse((await curl('/v2/models/stats')).body).model_stats.length, 1);
});

test('models are not loaded where that is not allowed', async () => {
  const answer = await curl('/v2/repository/models/echo/unload', '-X', 'POST');
  assert.equal(answer.status, 403);
  assert.match(JSON.parse(answer.body).error, /not loaded and unloaded by requests/);
});

test('without text models there is no OpenAI API', async () => {
  assert.equal((await curl('/v1/models')).status, 404);
});
