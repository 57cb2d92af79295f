// Starts `barrio engine` (BARRIO: the program) on a Unix socket's place in a folder of its own, with one emulated model, "echo"
// (UINT8 x to y, the same bytes, 2 ms), and the text models that are given: name -> settings of its server.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export async function startEngine({ textModels = {}, repository = 'show' } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'barrio-engine-'));
  const file = join(folder, 'engine.yaml');
  const texts = Object.entries(textModels).map(([name, server]) => `  - {name: "${name}", server: "${server}"}\n`).join('');
  writeFileSync(file, 'listen: 127.0.0.1:0\n' +
    'models:\n  - {name: echo, backend: profile, builtin: "a=1ms,c=1ms"}\n' +
    `repository: ${repository}\n` + (texts ? `text_models:\n${texts}` : ''));
  const child = spawn(process.env.BARRIO, ['engine', '--config', file], { stdio: ['ignore', 'pipe', 'pipe'] });
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
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
