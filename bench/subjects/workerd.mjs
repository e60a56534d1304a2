/** connect() of cloudflare:sockets inside workerd: a worker that is told by HTTP what to measure. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { nodeRunner, packageVersion } from '../machine.mjs';

const MODULES = ['workerd-worker.mjs', 'workloads.mjs', 'idioms/streams.mjs'];

export const subjects = [
  {
    name: 'workerd',
    says: 'workerd, connect()',
    rank: 90,
    required: false,
    detail: true,
    runs: ({ workload, resumed }) => workload !== 'pg' && !resumed,
    launch: (context) => nodeRunner('workerd', { ...context, node: process.execPath }),
    version: () => packageVersion('../node_modules/workerd'),
    async load() {
      let worker;
      return async (job) => {
        worker ??= await start(job.ca);
        const response = await fetch(worker, { method: 'POST', body: JSON.stringify(job) });
        return response.ok ? response.json() : { error: await response.text() };
      };
    },
  },
];

/** Starts workerd, and says where its worker listens. @param {string} ca What its TLS trusts. */
async function start(ca) {
  // A worker's own clock stands still between two events, and CPU and memory it cannot see at all.
  const control = createServer((_, response) => response.end(JSON.stringify(usageOf(child.pid))));
  await once(control.listen(0, '127.0.0.1'), 'listening');
  const directory = await mkdtemp(join(tmpdir(), 'wintersock-bench-'));
  const config = join(directory, 'workerd.capnp');
  await writeFile(config, await configuration(`http://127.0.0.1:${control.address().port}/`, ca));
  // The package's main module is the path of its binary.
  const { default: binary } = createRequire(import.meta.url)('workerd');
  const child = spawn(binary, ['serve', config, '--control-fd=3'], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  });
  process.once('exit', () => child.kill('SIGKILL'));
  let complaints = '';
  child.stderr.on('data', (chunk) => {
    complaints = (complaints + chunk).slice(-2000);
  });
  const port = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`workerd ended: ${complaints}`)));
    child.stdio[3].on('data', (chunk) => {
      for (const line of String(chunk).split('\n').filter(Boolean)) {
        const event = JSON.parse(line);
        if (event.event === 'listen') resolve(event.port);
      }
    });
  });
  await rm(directory, { recursive: true });
  return `http://127.0.0.1:${port}/`;
}

/** @param {string} control @param {string} ca */
async function configuration(control, ca) {
  const modules = await Promise.all(
    MODULES.map(async (name) => {
      const source = await readFile(new URL(`../${name}`, import.meta.url), 'utf8');
      return `(name = ${JSON.stringify(name)}, esModule = ${JSON.stringify(source)})`;
    }),
  );
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  v8Flags = ["--expose-gc"],
  services = [
    (name = "main", worker = .bench),
    (name = "internet", network = (
      allow = ["public", "private", "local"],
      tlsOptions = (trustBrowserCas = false, trustedCertificates = [${JSON.stringify(ca)}]),
    )),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const bench :Workerd.Worker = (
  modules = [${modules.join(',\n')}],
  bindings = [(name = "CONTROL", text = ${JSON.stringify(control)})],
  compatibilityDate = "2026-11-01",
);
`;
}

/** What a process has used so far, where the system tells. @returns {import('../workloads.mjs').Usage} */
function usageOf(pid) {
  const now = performance.now() / 1000;
  if (process.platform !== 'linux') return { now, cpu: Number.NaN, rss: Number.NaN };
  const nanoseconds = readdirSync(`/proc/${pid}/task`).map((thread) =>
    Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]),
  );
  const [, kib] = /^VmRSS:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return { now, cpu: nanoseconds.reduce((sum, one) => sum + one, 0) / 1e9, rss: Number(kib) * 1024 };
}
