// Constant load on gateways, with kept-alive and with new connections, until the standard input ends; then one JSON
// object with what became of it. A request fails when it has no answer, or another than the one that it must have.
//   node load.mjs APP TOKEN IP:PORT...
import http from 'node:http';

const [app, token, ...gateways] = process.argv.slice(2);
const kept = { connections: 4, pauseMs: 4 };
const fresh = { connections: 2, pauseMs: 10 };
const tally = { sent: 0, answered: 0, inferred: 0, failures: [], servedBy: {}, closes: 0 };
let running = true;

function kindOf(number) {
  // Most ask the replica for its model; some send a body, which the replica itself refuses, being no picture.
  if (number % 4 !== 0) return { method: 'GET', path: `/v2/models/${app}`, body: '', status: 200 };
  return { method: 'POST', path: `/v2/models/${app}/infer`, body: '{"inputs":[]}', status: 400 };
}

function ask(agent, gateway, number) {
  const [host, port] = gateway.split(':');
  const kind = kindOf(number);
  const headers = { authorization: `Bearer ${token}`, 'content-length': Buffer.byteLength(kind.body) };
  ++tally.sent;
  return new Promise((done) => {
    const fail = (why) => {
      if (tally.failures.length < 20) tally.failures.push(`${kind.method} ${gateway}: ${why}`);
      done();
    };
    const request = http.request({ host, port, agent, method: kind.method, path: kind.path, headers, timeout: 20000 });
    request.on('timeout', () => request.destroy(new Error('no answer within 20 s')));
    request.on('error', (error) => fail(error.message));
    request.on('response', (answer) => {
      let body = '';
      answer.on('data', (piece) => (body += piece));
      answer.on('error', (error) => fail(error.message));
      answer.on('end', () => {
        const by = answer.headers['barrio-served-by'];
        if (answer.statusCode !== kind.status || by === undefined) return fail(`${answer.statusCode} ${body.slice(0, 300)}`);
        if (answer.headers.connection === 'close') ++tally.closes;
        tally.servedBy[by] = (tally.servedBy[by] ?? 0) + 1;
        ++tally.answered;
        if (kind.method === 'POST') ++tally.inferred;
        done();
      });
    });
    request.end(kind.body);
  });
}

async function client(gateway, keepAlive, pauseMs, seed) {
  const agent = new http.Agent({ keepAlive, maxSockets: 1 });
  for (let number = seed; running; ++number) {
    await ask(agent, gateway, number);
    await new Promise((next) => setTimeout(next, pauseMs));
  }
  agent.destroy();
}

process.stdin.on('end', () => (running = false));
process.stdin.resume();
const clients = [];
for (const gateway of gateways) {
  for (let i = 0; i < kept.connections; ++i) clients.push(client(gateway, true, kept.pauseMs, i));
  for (let i = 0; i < fresh.connections; ++i) clients.push(client(gateway, false, fresh.pauseMs, i));
}
await Promise.all(clients);
console.log(JSON.stringify(tally, null, 1));
process.exit(tally.failures.length === 0 && tally.answered === tally.sent ? 0 : 1);
