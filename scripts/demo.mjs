/**
 * `npm run demo`: from a fresh clone to an unmodified pg that talks to a real PostgreSQL through connect() and
 * startTls(). Needs Node and Rust, nothing else. `--no-build` uses what has been built.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { buildProducts, installDependencies, root, WorkspaceError } from './workspace.mjs';

const queries = fileURLToPath(new URL('demo-queries.mjs', import.meta.url));
const childTimeout = 60_000;
const certificateErrors = [
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
];

/** What ends the demo early: Ctrl-C and its relatives. Everything that was started is stopped on the way out. */
class Interruption extends Error {
  constructor(signalName) {
    super(`The demo was interrupted by ${signalName}.`);
    this.exitCode = 128 + constants.signals[signalName];
  }
}

/** A step that did not do what it had to. The message says it all. */
class StepError extends Error {
  constructor(message) {
    super(`The demo failed: ${message}.`);
  }
}

const interrupted = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(name, () => interrupted.abort(new Interruption(name)));
}

console.log(
  'This demo installs and builds what is missing, starts a PostgreSQL with TLS in a temporary directory, lets an ' +
    'unmodified pg query it through connect() and startTls(), shows that a wrong certificate is refused, and cleans up.',
);
const start = performance.now();
try {
  await main();
  console.log(`\nDone in ${seconds(start)}.`);
} catch (thrown) {
  const error = interrupted.signal.aborted ? interrupted.signal.reason : thrown;
  const known = [Interruption, StepError, WorkspaceError].some((kind) => error instanceof kind);
  console.error(`\n${known ? error.message : `The demo failed unexpectedly.\n${error.stack}`}`);
  process.exitCode = error.exitCode ?? 1;
}
// Signal handlers do not keep the process alive, and nothing else is left: it ends by itself.

async function main() {
  const { signal } = interrupted;
  await installDependencies({ signal });
  if (!process.argv.includes('--no-build')) await buildProducts({ signal });

  // They need the dependencies.
  const { createAuthority } = await import('../__test__/fixtures/pki.mjs');
  const { startPostgres } = await import('../__test__/fixtures/postgres.mjs');

  const starting = performance.now();
  const authority = await createAuthority({ commonName: 'wintersock demo authority' });
  const stranger = await createAuthority({ commonName: 'another authority' });
  const credentials = await authority.issue({ names: ['localhost', '127.0.0.1'] });
  const server = await startPostgres({ credentials });
  try {
    signal.throwIfAborted();
    heading('A real PostgreSQL');
    console.log(`  server      ${server.version}, process ${server.pid}, started in ${seconds(starting)}`);
    console.log(
      `  address     localhost:${server.port}, TLS only, certificate signed by an authority made just now`,
    );

    heading('pg through connect() and startTls(): node --import wintersock/register demo-queries.mjs');
    await runQueries(server, authority, ({ code }) => {
      if (code !== 0) throw new StepError(`the queries ended with exit code ${code}, see above`);
      console.log('  end         the process ended by itself with exit code 0');
    });

    heading('The same with an authority that did not sign the certificate');
    await runQueries(server, stranger, ({ code, output }) => {
      if (code === 0) throw new StepError('a certificate of an unknown authority was accepted');
      if (!certificateErrors.some((name) => output.includes(name))) {
        throw new StepError('the connection was refused, but not with a certificate error');
      }
      console.log('  end         refused, as it must be');
    });
  } finally {
    await server.stop();
  }
  console.log('\nPostgreSQL is stopped, its files are removed.');
}

/** Runs the job in a process of its own, shows what it prints, and passes on how it ended. */
async function runQueries(server, authority, check) {
  const timeout = AbortSignal.timeout(childTimeout);
  const child = spawn(process.execPath, ['--import', 'wintersock/register', queries], {
    cwd: root,
    env: {
      ...process.env,
      PGHOST: 'localhost',
      PGPORT: String(server.port),
      PGUSER: server.user,
      PGPASSWORD: server.password,
      PGDATABASE: server.database,
      DATABASE_CA: authority.certPem,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
    signal: AbortSignal.any([timeout, interrupted.signal]),
    killSignal: 'SIGKILL',
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
    process.stdout.write(text);
  });
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exitCode, killer) => resolve(exitCode ?? killer));
  }).catch((error) => {
    if (timeout.aborted) throw new StepError(`the queries did not end within ${childTimeout / 1000} s`);
    throw error;
  });
  check({ code, output });
}

function heading(text) {
  console.log(`\n${text}`);
}

function seconds(since) {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}
