// Starts an echo_server that passes on what it gets (ECHO_SERVER: the program).

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export async function forwarder(...origins) {
  const child = spawn(process.env.ECHO_SERVER, origins, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout });
  const address = await new Promise((resolve, reject) => {
    lines.once('line', resolve);
    child.once('exit', (code) => reject(new Error(`echo_server ended with ${code}`)));
  });
  return { address, stop: () => child.stdin.end() };
}
