/** The same jobs of a client over Node's own sockets and, by `register({ replace })`, over ours; and its recipe. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { closedPort } from '../fixtures/closed-port.mjs';
import { runNode } from '../fixtures/node-process.mjs';
import { type Authority, createAuthority, type Credentials } from '../fixtures/pki.mjs';
import { Twins } from './twins.ts';

/** The proof that nothing goes past ours, for a program that is run as it is. */
const guard = `data:text/javascript,
  import { Socket } from 'node:net';
  Socket.prototype.connect = () => { throw new Error('the client used node:net'); };`;

type Environment = Readonly<Record<string, string | number>>;

/** A client whose package is replaced in. Its processes trust `authority`. */
export class Replaced {
  readonly #client: string;
  readonly #package: string;
  readonly #directory: string;
  readonly #env: Environment;
  readonly authority: Authority;
  /** For localhost alone: 127.0.0.1 is a wrong name. */
  readonly credentials: Credentials;

  private constructor(
    names: { client: string; package: string },
    directory: string,
    env: Environment,
    authority: Authority,
    credentials: Credentials,
  ) {
    this.#client = names.client;
    this.#package = names.package;
    this.#directory = directory;
    this.#env = env;
    this.authority = authority;
    this.credentials = credentials;
  }

  /** Of the files `<client>-jobs.mjs` and `examples/drivers/<client>.mjs`. */
  static async prepare(client: string, packageName = client): Promise<Replaced> {
    const authority = await createAuthority();
    const credentials = await authority.issue({ names: ['localhost'] });
    const stranger = await createAuthority({ commonName: 'a stranger' });
    const directory = await mkdtemp(join(tmpdir(), 'wintersock-drivers-'));
    const caFile = join(directory, 'ca.pem');
    await writeFile(caFile, authority.certPem);
    const env = {
      NODE_EXTRA_CA_CERTS: caFile,
      STRANGER_CA: stranger.certPem,
      CLOSED_PORT: await closedPort(),
      // runNode() takes it away.
      ...(process.env['WINTERSOCK_IO'] && { WINTERSOCK_IO: process.env['WINTERSOCK_IO'] }),
    };
    return new Replaced({ client, package: packageName }, directory, env, authority, credentials);
  }

  async remove(): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true });
  }

  /** Runs the jobs over both kinds, one after the other. Each process has to end by itself, cleanly and in silence. */
  async play(env: Environment): Promise<Twins> {
    return new Twins(await this.#outcomes('node', env), await this.#outcomes('replaced', env));
  }

  /** Runs the recipe as it is and returns what it printed. */
  recipe(env: Environment): Promise<string> {
    return this.#output(['--import', guard, `examples/drivers/${this.#client}.mjs`], env);
  }

  async #outcomes(kind: string, env: Environment): Promise<ConstructorParameters<typeof Twins>[0]> {
    const jobs = ['__test__/drivers/replaced-jobs.mjs', this.#client, kind, this.#package];
    const output = await this.#output(jobs, env);
    const lines = output.trimEnd().split('\n');
    return new Map(lines.map((line) => JSON.parse(line)));
  }

  async #output(args: readonly string[], env: Environment): Promise<string> {
    const strings = Object.entries({ ...this.#env, ...env }).map(([name, value]) => [name, String(value)]);
    const ending = await runNode(args, { env: Object.fromEntries(strings) });
    expect(ending, args.join(' ')).toMatchObject({ code: 0, signal: null, stderr: '' });
    return ending.stdout;
  }
}
