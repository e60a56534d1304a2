/**
 * What the sockets of all processes of a run connect to: a port without an answer, proxies, certificates, a name server that says nothing.
 * All of it is in the process that runs the scenarios, so it outlives theirs.
 */
import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { copyFile, cp, mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createSecureContext } from 'node:tls';
import { BlackHole } from '../conformance/peers/black-hole.mjs';
import { closedPort } from '../fixtures/closed-port.mjs';
import { createAuthority } from '../fixtures/pki.mjs';
import { startConnect, startTlsEnd } from '../servers/https-proxy.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));

export class Surroundings {
  #stops = [];
  #resolver;

  static async open() {
    const made = new Surroundings();
    try {
      await made.#open();
    } catch (error) {
      await made.close();
      throw error;
    }
    return made;
  }

  async #open() {
    const authority = await createAuthority();
    const credentials = await authority.issue({ names: ['127.0.0.1', 'localhost'] });
    const connects = await startConnect();
    this.#stops.push(() => connects.stop());
    const end = await startTlsEnd({ credentials, port: connects.port });
    this.#stops.push(() => end.stop());
    const hole = await BlackHole.open();
    this.#stops.push(() => hole.close());
    /** Of servers with TLS, all of them. */
    this.context = createSecureContext({ cert: credentials.chainPem, key: credentials.keyPem });
    const directory = await mkdtemp(join(tmpdir(), 'wintersock-teardown-'));
    const remove = () => rmSync(directory, { recursive: true, force: true });
    // Also where nobody gets to close this any more.
    process.once('exit', remove);
    this.#stops.push(() => process.off('exit', remove) && remove());
    /** What a process has to know. */
    this.data = {
      other: await install(directory),
      ca: authority.certPem,
      hole: hole.port,
      proxies: { http: connects.port, https: end.port },
      refused: await closedPort(),
    };
    this.#resolver = await this.#silentResolver(directory);
  }

  /** Arguments for `unshare`, before those of a program whose look-ups of names get no answer; none if that is not possible here. */
  get deaf() {
    return this.#resolver;
  }

  /** Binds a configuration over the system's, in a namespace of the process alone. Needs root, or what amounts to it. */
  async #silentResolver(directory) {
    const socket = createSocket('udp4');
    // One of its own for each run: there may be several at the same time.
    const address = `127.83.${(process.pid >> 8) & 255}.${process.pid & 255}`;
    socket.bind(53, address);
    this.#stops.push(() => socket.close());
    try {
      await once(socket, 'listening');
    } catch {
      return undefined;
    }
    await writeFile(join(directory, 'resolv.conf'), `nameserver ${address}\noptions timeout:30 attempts:2\n`);
    await writeFile(join(directory, 'nsswitch.conf'), 'hosts: files dns\n');
    const mounts = ['resolv.conf', 'nsswitch.conf'].map((name) => `mount --bind "$0/${name}" /etc/${name}`);
    const args = (command) => ['-rm', 'sh', '-c', `${mounts.join(' && ')} && ${command}`, directory];
    return spawnSync('unshare', args('true')).status === 0 ? args('exec "$@"') : undefined;
  }

  async close() {
    for (const stop of this.#stops.splice(0).reverse()) await stop();
  }
}

/** The package once more, with an addon of its own. Says what to require. */
async function install(directory) {
  const addons = (await readdir(root)).filter((name) => name.endsWith('.node'));
  for (const name of ['package.json', ...addons]) await copyFile(join(root, name), join(directory, name));
  await cp(join(root, 'dist'), join(directory, 'dist'), { recursive: true });
  return join(directory, 'dist', 'index.cjs');
}
