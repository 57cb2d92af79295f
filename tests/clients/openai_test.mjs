// The openai package with its default settings, on an engine before a server of the same API.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import OpenAI from 'openai';
import { startEngine } from './engine.mjs';
import { startFakeLlm } from './fake_llm.mjs';

let llm, engine, openai;
before(async () => {
  llm = await startFakeLlm();
  engine = await startEngine({ textModels: {
    llama: `url=${llm.url},model=meta/llama-3,metrics=0s`,
    broken: `url=${llm.url},metrics=0s`,
    gone: 'url=http://127.0.0.1:1/v1,metrics=0s',
  } });
  openai = new OpenAI({ baseURL: `${engine.url}/v1`, apiKey: 'any' });
});
after(async () => {
  await engine.stop();
  llm.stop();
});

const messages = [{ role: 'user', content: 'Say something.' }];

test('a chat, whole', async () => {
  const answer = await openai.chat.completions.create({ model: 'llama', messages, max_tokens: 3 });
  assert.equal(answer.choices[0].message.content, 'w0 w1 w2');
  assert.equal(answer.usage.total_tokens, 6);
  assert.equal(llm.seen.requests.at(-1).body.model, 'meta/llama-3');
});

test('a chat, streamed, with its usage', async () => {
  const stream = await openai.chat.completions.create({
    model: 'llama', messages, max_tokens: 200, stream: true, stream_options: { include_usage: true },
  });
  let text = '';
  let usage = null;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta?.content ?? '';
    usage = chunk.usage ?? usage;
  }
  assert.equal(text.split(' ').length, 201);
  assert.equal(usage.completion_tokens, 200);
});

test('completions and embeddings', async () => {
  const answer = await openai.completions.create({ model: 'llama', prompt: 'Once', max_tokens: 2 });
  assert.equal(answer.choices[0].text, 'w0 w1');
  const embeddings = await openai.embeddings.create({ model: 'llama', input: 'text' });
  assert.deepEqual(embeddings.data[0].embedding, [1, 0.5]);
});

test('models', async () => {
  const names = [];
  for await (const model of openai.models.list()) names.push(model.id);
  assert.deepEqual(names.sort(), ['broken', 'gone', 'llama']);
  assert.equal((await openai.models.retrieve('llama')).object, 'model');
});

test('errors are those of the package', async () => {
  await assert.rejects(openai.chat.completions.create({ model: 'none', messages }),
    (error) => error instanceof OpenAI.NotFoundError && error.code === 'model_not_found' && error.param === 'model');
  await assert.rejects(openai.chat.completions.create({ model: 'llama', messages: [] }),
    (error) => error instanceof OpenAI.BadRequestError && error.param === 'messages');
  await assert.rejects(openai.chat.completions.create({ model: 'llama', messages, temperature: 3 }),
    (error) => error instanceof OpenAI.BadRequestError && /temperature is too high/.test(error.message));
  const impatient = new OpenAI({ baseURL: `${engine.url}/v1`, apiKey: 'any', maxRetries: 0 });
  await assert.rejects(impatient.chat.completions.create({ model: 'gone', messages }),
    (error) => error instanceof OpenAI.InternalServerError && error.status === 503);
});

test('a first token that cannot come in time is refused at once', async () => {
  const impatient = new OpenAI({ baseURL: `${engine.url}/v1`, apiKey: 'any', maxRetries: 0,
    defaultHeaders: { 'Barrio-First-Token-Ms': '0' } });
  await assert.rejects(impatient.chat.completions.create({ model: 'llama', messages, stream: true }),
    (error) => [429, 504].includes(error.status));
});

test('a stream that breaks off is an error, not an end', async () => {
  const stream = await openai.chat.completions.create({ model: 'broken', messages, stream: true });
  await assert.rejects(async () => {
    for await (const chunk of stream) assert.ok(chunk.id);
  });
});

test('a client that leaves ends the work at the server', async () => {
  const stream = await openai.chat.completions.create({ model: 'llama', messages, max_tokens: 100000, stream: true });
  for await (const chunk of stream) {
    assert.ok(chunk.id);
    break;
  }
  while (llm.seen.cancelled === 0) await new Promise((resolve) => setTimeout(resolve, 10));
});

test("Triton's generate", async () => {
  const ask = (verb) => fetch(`${engine.url}/v2/models/llama/${verb}`, {
    method: 'POST', body: JSON.stringify({ text_input: 'Once', parameters: { max_tokens: 2 } }),
  });
  assert.equal((await (await ask('generate')).json()).text_output, 'w0 w1');
  const events = (await (await ask('generate_stream')).text()).trim().split('\n\n');
  assert.deepEqual(events.map((event) => JSON.parse(event.slice(6)).text_output), ['w0 ', 'w1 ']);
});
