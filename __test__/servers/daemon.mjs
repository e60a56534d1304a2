/**
 * A server of the system, as a process that ends with the test, however the test ends. Types: daemon.d.mts.
 */
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

/**
 * The shell becomes the server, so that its pid and its end are the server's. What it leaves behind waits for the end
 * of a pipe: that comes also when the test is killed, and nobody else is left to stop the server and to clean up.
 */
const watched = `(read -r _ <&3 || { kill -9 $$; rm -rf "$0"; }) >/dev/null 2>&1 & exec "$@" 3<&-`;

const attempts = 5;

export function find(program, debianPackage) {
  // Daemons are in sbin, which is not in everybody's PATH.
  const directories = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  const paths = process.platform === 'win32' ? [] : directories.map((directory) => join(directory, program));
  const path = paths.find(isExecutable);
  return path ? { path, skip: false } : { path: '', skip: `skipped: install ${debianPackage}` };
}

export async function startDaemon(options) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await tryToStart(options);
    } catch (error) {
      // Between our look and the server's, the port can be taken by somebody else.
      if (attempt === attempts || !/in use|EADDRINUSE/i.test(error.message)) throw error;
    }
  }
}

async function tryToStart({ path, ports: count, files = {}, args, ready, env = {} }) {
  const directory = await mkdtemp(join(tmpdir(), 'wintersock-server-'));
  const ports = await freePorts(count);
  const place = { directory, ports, file: (name) => join(directory, name) };
  for (const [name, content] of Object.entries(files)) {
    const text = typeof content === 'function' ? content(place) : content;
    await writeFile(place.file(name), text, { mode: 0o600 });
  }
  const child = spawn('sh', ['-c', watched, directory, path, ...args(place)], {
    cwd: directory,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    // Out of reach of Ctrl-C and of who kills the whole group: or nobody would be left to clean up.
    detached: true,
  });
  // A detail of the shell's: it is gone, or was never there. The server's end says so.
  child.stdio[3].on('error', () => {});
  let log = '';
  const ended = new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => {
      child.stdio[3].end('ended\n');
      resolve(signal ?? `code ${code}`);
    });
  });
  const stop = async () => {
    child.kill('SIGKILL');
    await ended;
    await rm(directory, { recursive: true, force: true });
  };
  const readiness = new Promise((resolve) => {
    for (const output of [child.stdout, child.stderr]) {
      output.setEncoding('utf8').on('data', (text) => {
        log += text;
        if (ready.test(log)) resolve(undefined);
      });
    }
  });
  const end = await Promise.race([readiness, ended]);
  if (end !== undefined) {
    await stop();
    throw new Error(`${path} ended before it was ready (${end})\n${log}`);
  }
  return { ...place, pid: child.pid, log: () => log, stop, [Symbol.asyncDispose]: stop };
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** All at once, so that they differ. */
async function freePorts(count) {
  const servers = await Promise.all(
    Array.from({ length: count }, () => {
      const server = createServer();
      return new Promise((resolve, reject) => {
        server.once('error', reject).listen(0, '127.0.0.1', () => resolve(server));
      });
    }),
  );
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
