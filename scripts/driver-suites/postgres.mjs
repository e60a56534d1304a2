/** The tests of postgres.js: tests/index.js, on a copy that takes `postgres` by its name and its harness from here. */
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { ATTEMPTS, runTest } from './process.mjs';

const file = 'tests/index.js';
const here = (name) => fileURLToPath(new URL(name, import.meta.url));

export const suite = {
  id: 'postgres',
  title: 'postgres.js',
  repository: 'https://github.com/porsager/postgres.git',
  tag: (version) => `v${version}`,
  preparation: [],
  manifest: 'package.json',
  /** @type {import('./server.mjs').Wish} As in its workflow on GitHub. */
  wish: {
    access: [
      'local all all trust',
      'host all postgres samehost trust',
      'host postgres_js_test postgres_js_test samehost trust',
      'host postgres_js_test postgres_js_test_md5 samehost md5',
      'host postgres_js_test postgres_js_test_scram samehost scram-sha-256',
    ],
    settings: { wal_level: 'logical', max_prepared_transactions: '100' },
    ports: ['5432', '5433'],
  },
  env: {},
  ways: ['net', 'workers', 'alias', 'option', 'duplex', 'shim'],
  run,
};

/**
 * @param {{ checkout: string, way: import('./ways.mjs').Way, env: Record<string, string>, scratch: string, only: string,
 *   tell: (result: import('./process.mjs').Result) => void }} job
 */
async function run({ checkout, way, env, scratch, only, tell }) {
  const cwd = join(scratch, 'postgres');
  await copy(checkout, cwd, way);
  const report = join(scratch, 'report');
  const results = [];
  const add = (result) => {
    results.push({ file, ...result });
    tell(results.at(-1));
  };
  // The harness ends with the first test that fails, and what that leaves behind with it.
  for (let [skip, attempt] = [0, 1]; ; ) {
    await rm(report, { force: true });
    const settings = JSON.stringify({ report, skip, only, stream: way.stream });
    const ending = await runTest([...(way.args ?? []), join(cwd, file)], {
      cwd: join(cwd, 'tests'),
      env: { ...env, ...way.env?.('postgres'), WINTERSOCK_SUITE: settings },
      deadline: 300_000,
    });
    const { started, passed, failed, ended } = await readReport(report);
    for (const { index, name } of started) if (passed.has(index)) add({ name, ok: true });
    const last = started.at(-1);
    if (ended || last === undefined) {
      if (!ending.ok) add({ name: '(the process ends by itself)', ok: false, why: ending.why });
      return results;
    }
    attempt = last.index === skip ? attempt + 1 : 2;
    skip = last.index;
    if (attempt > ATTEMPTS) {
      add({ name: last.name, ok: false, why: failed.get(last.index) ?? ending.why });
      attempt = 1;
      skip++;
    }
  }
}

async function readReport(path) {
  const text = await readFile(path, 'utf8').catch(() => '');
  const events = text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  const of = (kind) => events.filter(({ event }) => event === kind);
  return {
    started: of('start'),
    passed: new Set(of('pass').map(({ index }) => index)),
    failed: new Map(of('fail').map(({ index, why }) => [index, why])),
    ended: of('end').length > 0,
  };
}

/** The way's own copy: nothing is changed in the checkout. */
async function copy(checkout, target, { sockets, stream }) {
  for (const part of ['src', 'cf', 'tests', 'package.json']) {
    await cp(join(checkout, part), join(target, part), { recursive: true });
  }
  await change(target, file, "'../src/index.js'", stream ? "'./entry.js'" : "'postgres'");
  await cp(here('postgres-harness.mjs'), join(target, 'tests', 'test.js'));
  if (stream) await cp(here('postgres-entry.mjs'), join(target, 'tests', 'entry.js'));
  if (sockets) await change(target, 'cf/polyfills.js', 'cloudflare:sockets', sockets);
}

async function change(target, name, from, to) {
  const path = join(target, name);
  const text = await readFile(path, 'utf8');
  if (!text.includes(from)) throw new Error(`${pathToFileURL(path)} does not contain ${from} any more`);
  await writeFile(path, text.replace(from, to));
}
