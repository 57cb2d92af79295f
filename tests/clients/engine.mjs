// Starts an engine_server (ENGINE_SERVER: the program) with the text models that are given: name -> settings of its server.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export async function startEngine({ textModels = {}, repository = 'show' } = {}) {
  const models = Object.entries(textModels).map(([name, server]) => `${name}=${server}`);
  const child = spawn(process.env.ENGINE_SERVER, [repository, ...models], { stdio: ['ignore', 'pipe', 'pipe'] });
  const address = await new Promise((resolve, reject) => {
    const seen = [];
    for (const output of [child.stdout, child.stderr]) {
      createInterface({ input: output }).on('line', (line) => {
        seen.push(line);
        const found = /engine listens.*?(127\.0\.0\.1:\d+)/.exec(line);
        if (found) resolve(found[1]);
      });
    }
    child.once('exit', (code) => reject(new Error(`the engine ended with ${code}: ${seen.join('\n')}`)));
  });
  for (;;) {
    const ready = await fetch(`http://${address}/v2/health/ready`);
    await ready.arrayBuffer();
    if (ready.status === 200) break;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return {
    address,
    url: `http://${address}`,
    async stop() {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
    },
  };
}
