/** The tests of node-postgres: packages/pg/test, unit and integration, each file a process, as its own Makefile does. */
import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ATTEMPTS, runTest } from './process.mjs';

const preload = fileURLToPath(new URL('pg-preload.cjs', import.meta.url));

export const suite = {
  id: 'pg',
  title: 'node-postgres',
  repository: 'https://github.com/brianc/node-postgres.git',
  tag: (version) => `pg@${version}`,
  /** What makes a clone ready. */
  preparation: [
    ['yarn@1.22.22', 'install', '--frozen-lockfile', '--ignore-scripts', '--non-interactive'],
    ['yarn@1.22.22', 'tsc', '--build'],
  ],
  manifest: join('packages', 'pg', 'package.json'),
  /** @type {import('./server.mjs').Wish} As in its workflow on GitHub, with TLS. */
  wish: {
    access: ['host all all samehost md5'],
    // One test leaves a connection in the middle of logging in, and waits until the server has had enough.
    settings: { authentication_timeout: '5s' },
    statements: [
      "CREATE ROLE scram_test LOGIN PASSWORD 'test4scram'",
      "CREATE ROLE scram_unicode_test LOGIN PASSWORD U&'IX-\\2168'",
      'CREATE DATABASE ci_db_test',
    ],
  },
  env: {
    PGDATABASE: 'ci_db_test',
    PG_CLIENT_CERT_TEST: '1',
    SCRAM_TEST_PGUSER: 'scram_test',
    SCRAM_TEST_PGPASSWORD: 'test4scram',
    SCRAM_TEST_PGUSER_UNICODE: 'scram_unicode_test',
    SCRAM_TEST_PGPASSWORD_UNICODE: 'IX-\u2168',
  },
  /** Which ways there are: without a stream of its own pg does what it does with a function that makes a net.Socket. */
  ways: ['net', 'workers', 'alias', 'duplex', 'shim'],
  run,
};

/**
 * @param {{ checkout: string, way: import('./ways.mjs').Way, env: Record<string, string>, scratch: string, only: string,
 *   tell: (result: import('./process.mjs').Result) => void }} job
 */
async function run({ checkout, way, env, scratch, only, tell }) {
  const cwd = join(checkout, 'packages', 'pg');
  await chmod(join(cwd, 'test', 'unit', 'client', 'pgpass.file'), 0o600); // as the Makefile
  const report = join(scratch, 'report');
  const { args: preloads = [], sockets, stream } = way;
  const args = ['--require', preload, ...preloads];
  const results = [];
  for (const file of await testFiles(cwd)) {
    if (!file.includes(only)) continue;
    let found = [];
    for (let attempt = 1; attempt <= ATTEMPTS; ) {
      await writeFile(report, '');
      const settings = JSON.stringify({ report, sockets, stream });
      const ending = await runTest([...args, join(cwd, file)], {
        cwd,
        env: { ...env, ...way.env?.('pg'), WINTERSOCK_SUITE: settings },
      });
      found = resultsOf(file, ending, await readFile(report, 'utf8'));
      if (found.every(({ ok }) => ok)) break;
      attempt += ending.late ? ATTEMPTS / 2 : 1; // what hangs will hang again
    }
    results.push(...found);
    for (const result of found) tell(result);
  }
  return results;
}

async function testFiles(cwd) {
  const found = [];
  for (const kind of ['unit', 'integration']) {
    const names = await readdir(join(cwd, 'test', kind), { recursive: true });
    found.push(...names.filter((name) => name.endsWith('-tests.js')).map((name) => join('test', kind, name)));
  }
  return found.map((name) => name.replaceAll(sep, '/')).sort();
}

/** A file without named tests is one. A file that fails outside of any has failed as a whole. */
function resultsOf(file, { ok, why }, report) {
  const events = report
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  const results = new Map();
  for (const { event, name } of events) {
    results.set(name, { file, name, ok: event === 'pass', ...(event === 'pass' ? {} : { why }) });
  }
  const failed = [...results.values()].some((result) => !result.ok);
  if (results.size === 0 || (!ok && !failed)) {
    results.set('', { file, name: '(the file)', ok, ...(ok ? {} : { why }) });
  }
  return [...results.values()];
}
