/**
 * Runs the test suites of node-postgres and postgres.js over connect(), and over node:net beside it:
 *
 *   node scripts/driver-suites.mjs --pg <checkout> --postgres <checkout>
 *   node scripts/driver-suites.mjs --clone <directory>
 *
 * Needs a POSIX system, and that nobody uses the ports 5432 and 5433, which postgres.js names in its tests.
 */
import { existsSync, rmSync } from 'node:fs';
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { clone, versionOf } from './driver-suites/checkout.mjs';
import { suite as pg } from './driver-suites/pg.mjs';
import { suite as postgres } from './driver-suites/postgres.mjs';
import { render, writeDocument } from './driver-suites/report.mjs';
import { SuiteServers } from './driver-suites/server.mjs';
import { wayIds, waysWith } from './driver-suites/ways.mjs';
import { root } from './workspace.mjs';

const USAGE = `node scripts/driver-suites.mjs [options]

  --pg <directory>        a checkout of node-postgres, installed and built
  --postgres <directory>  a checkout of postgres.js
  --clone <directory>     clones, installs and builds those that are not given, at the versions in node_modules
  --ways <ids>            ${wayIds.join(',')} (default: all)
  --only <text>           test files (pg) or tests (postgres) whose name contains the text
  --json <file>           writes the results there
  --report <file>         runs nothing, but reports what --json has written; may be given more than once
  --verbose               prints why each test failed
  --write                 puts the table into docs/drivers.md`;

const { values } = parseArgs({
  options: {
    pg: { type: 'string' },
    postgres: { type: 'string' },
    clone: { type: 'string' },
    ways: { type: 'string', default: wayIds.join(',') },
    only: { type: 'string', default: '' },
    json: { type: 'string' },
    report: { type: 'string', multiple: true },
    verbose: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

if (values.report) await report(await Promise.all(values.report.map(readRuns)).then((runs) => runs.flat()));
else if (values.help || !(values.pg || values.postgres || values.clone)) console.log(USAGE);
else await report(await main());

async function main() {
  const scratch = await mkdtemp(join(tmpdir(), 'wintersock-suites-'));
  // What a run has started ends with it, however it ends.
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
  process.once('exit', () => rmSync(scratch, { recursive: true, force: true, maxRetries: 5 }));
  await chmod(scratch, 0o755); // PostgreSQL may have to run as another user
  const ways = waysWith(await copyBuild(scratch));
  const runs = [];
  for (const suite of [pg, postgres]) {
    const given = values[suite.id];
    if (!given && !values.clone) continue;
    const checkout = given ? resolve(given) : await clone(suite, resolve(values.clone));
    runs.push(await runSuite(suite, { checkout, ways, scratch }));
  }
  if (values.json) await writeFile(values.json, `${JSON.stringify(runs, null, 2)}\n`);
  return runs;
}

async function readRuns(file) {
  return JSON.parse(await readFile(file, 'utf8'));
}

async function report(runs) {
  const { text, unexplained } = render(runs, waysWith(root));
  console.log(`\n${text}`);
  if (values.write) await writeDocument(text);
  process.exitCode = unexplained > 0 ? 1 : 0;
}

/** A copy, so that a build in the meantime changes nothing. */
async function copyBuild(scratch) {
  for (const name of await readdir(root)) {
    if (name === 'dist' || name === 'package.json' || name.endsWith('.node')) {
      await cp(join(root, name), join(scratch, name), { recursive: true });
    }
  }
  const build = join(scratch, 'dist');
  for (const name of ['register.mjs', 'index.mjs']) {
    if (!existsSync(join(build, name))) throw new Error(`dist/${name} is missing: npm run build`);
  }
  return build;
}

async function runSuite(suite, { checkout, ways, scratch }) {
  const wanted = values.ways.split(',');
  const version = await versionOf(suite, checkout);
  const host = `Node ${process.versions.node}, ${process.platform} ${process.arch}`;
  const run = { suite: suite.id, title: suite.title, version, host, server: '', ways: {} };
  for (const way of ways.filter(({ id }) => wanted.includes(id) && suite.ways.includes(id))) {
    console.log(`\n=== ${suite.title} ${run.version}: ${way.title}`);
    const place = join(scratch, `${suite.id}-${way.id}`);
    await mkdir(join(place, 'server'), { recursive: true });
    // A server of its own for each way: the suites leave things behind.
    const servers = await SuiteServers.start(join(place, 'server'), suite.wish);
    try {
      const env = { ...servers.env, ...suite.env };
      if (way.verifies) env.NODE_EXTRA_CA_CERTS = servers.authority;
      run.server = servers.version;
      run.ways[way.id] = await suite.run({ checkout, way, env, scratch: place, only: values.only, tell });
    } finally {
      await servers.stop();
    }
    const results = run.ways[way.id];
    console.log(`${results.filter(({ ok }) => ok).length} of ${results.length} tests passed`);
  }
  return run;
}

function tell({ file, name, ok, why }) {
  if (ok) return;
  console.log(`failed  ${file}: ${name}`);
  if (values.verbose) console.log(`${why.replaceAll(/^/gm, '        ')}`);
}
