// Stands in for a server of OpenAI's API: answers with as many words as are asked for; "model": "broken" breaks off in the middle.

import { once } from 'node:events';
import { createServer } from 'node:http';

const json = (response, status, body) => {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
};

const usage = (tokens) => ({ prompt_tokens: 3, completion_tokens: tokens, total_tokens: tokens + 3 });

export async function startFakeLlm() {
  const seen = { requests: [], cancelled: 0 };
  const server = createServer(async (request, response) => {
    if (request.method === 'GET') return json(response, 404, {});
    let text = '';
    for await (const piece of request) text += piece;
    const body = JSON.parse(text);
    seen.requests.push({ url: request.url, body });
    const chat = request.url.endsWith('/chat/completions');
    if (request.url.endsWith('/embeddings')) {
      // As the real one: base64 where that is asked for.
      const embedding = body.encoding_format === 'base64' ?
        Buffer.from(new Float32Array([1, 0.5]).buffer).toString('base64') : [1, 0.5];
      return json(response, 200, { object: 'list', model: body.model, data: [{ object: 'embedding', index: 0, embedding }],
        usage: { prompt_tokens: 3, total_tokens: 3 } });
    }
    if (body.temperature > 2) {
      return json(response, 400, { error: { message: 'temperature is too high', type: 'invalid_request_error', param: 'temperature', code: null } });
    }
    const count = body.max_tokens ?? body.max_completion_tokens ?? 5;
    const base = { id: 'cmpl-1', created: 1, model: body.model, object: chat ? 'chat.completion' : 'text_completion' };
    if (!body.stream) {
      const words = Array.from({ length: count }, (_, i) => `w${i}`).join(' ');
      const choice = chat ? { message: { role: 'assistant', content: words } } : { text: words };
      return json(response, 200, { ...base, choices: [{ index: 0, finish_reason: 'stop', ...choice }], usage: usage(count) });
    }
    response.on('close', () => { if (!response.writableFinished) seen.cancelled++; });
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const event = (choices, more = {}) => response.write(`data: ${JSON.stringify({ ...base, object: 'chat.completion.chunk', choices, ...more })}\n\n`);
    for (let i = 0; i < count && !response.destroyed; ++i) {
      const piece = chat ? { delta: { content: `w${i} ` } } : { text: `w${i} ` };
      if (!event([{ index: 0, finish_reason: null, ...piece }])) await Promise.race([once(response, 'drain'), once(response, 'close')]);
      if (body.model === 'broken' && i === 1) {
        await new Promise((resolve) => response.write('\n', resolve)); // what was written has left
        return response.destroy();
      }
      if (count > 1000) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    if (body.stream_options?.include_usage) event([], { usage: usage(count) });
    response.end('data: [DONE]\n\n');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${server.address().port}/v1`, seen, stop: () => { server.closeAllConnections(); server.close(); } };
}
