/**
 * The same jobs of a client over two kinds of sockets, node:net's and ours, and its recipe: for the tests of clients
 * that take a factory.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { closedPort } from '../fixtures/closed-port.mjs';
import { runNode } from '../fixtures/node-process.mjs';
import { type Authority, createAuthority, type Credentials } from '../fixtures/pki.mjs';

/** What a job gave its user. */
interface Outcome {
  value?: unknown;
  error?: Failure;
}

/** An error as a client's user sees it. */
export interface Failure {
  name: string;
  code?: string | number;
  syscall?: string;
  address?: string;
  port?: number;
  message: string;
}

/** By job. */
type Outcomes = ReadonlyMap<string, Outcome>;

type Environment = Readonly<Record<string, string | number>>;

/** Certificates, and what every client is to fail with. Trusted by the processes that it runs: `authority`. */
export class Stage {
  readonly #directory: string;
  readonly #silent: Server;
  readonly #env: Readonly<Record<string, string>>;
  readonly authority: Authority;
  /** For localhost alone: 127.0.0.1 is a wrong name. */
  readonly credentials: Credentials;

  private constructor(
    directory: string,
    silent: Server,
    env: Readonly<Record<string, string>>,
    authority: Authority,
    credentials: Credentials,
  ) {
    this.#directory = directory;
    this.#silent = silent;
    this.#env = env;
    this.authority = authority;
    this.credentials = credentials;
  }

  static async set(): Promise<Stage> {
    const authority = await createAuthority();
    const credentials = await authority.issue({ names: ['localhost'] });
    const stranger = await createAuthority({ commonName: 'a stranger' });
    const directory = await mkdtemp(join(tmpdir(), 'wintersock-drivers-'));
    const caFile = join(directory, 'ca.pem');
    await writeFile(caFile, authority.certPem);
    const silent = createServer((socket) => socket.on('error', () => {}).resume());
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const env = {
      NODE_EXTRA_CA_CERTS: caFile,
      STRANGER_CA: stranger.certPem,
      CLOSED_PORT: String(await closedPort()),
      SILENT_PORT: String((silent.address() as AddressInfo).port),
      // runNode() takes it away.
      ...(process.env['WINTERSOCK_IO'] && { WINTERSOCK_IO: process.env['WINTERSOCK_IO'] }),
    };
    return new Stage(directory, silent, env, authority, credentials);
  }

  async strike(): Promise<void> {
    await new Promise((resolve) => this.#silent.close(resolve));
    await rm(this.#directory, { recursive: true });
  }

  /**
   * Runs the jobs over both kinds, at the same time: what they share in a server is to be named by KIND. `inTurn` is
   * for clients that mind what others do there. Each process has to end by itself, cleanly and in silence.
   */
  async play(client: string, env: Environment, { inTurn = false } = {}): Promise<Twins> {
    const node = this.#outcomes(client, 'node', env);
    if (inTurn) await node;
    const wintersock = this.#outcomes(client, 'wintersock', env);
    return new Twins(...(await Promise.all([node, wintersock])));
  }

  /** Runs examples/drivers/<client>.mjs as it is and returns what it printed. */
  recipe(client: string, env: Environment): Promise<string> {
    return this.#output([`examples/drivers/${client}.mjs`], env);
  }

  async #outcomes(client: string, kind: string, env: Environment): Promise<Outcomes> {
    const output = await this.#output(['__test__/drivers/twin-jobs.mjs', client, kind], {
      ...env,
      KIND: kind,
    });
    return new Map(
      output
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    );
  }

  async #output(args: readonly string[], env: Environment): Promise<string> {
    const strings = Object.entries(env).map(([name, value]) => [name, String(value)]);
    const ending = await runNode(args, { env: { ...this.#env, ...Object.fromEntries(strings) } });
    expect(ending, args.join(' ')).toMatchObject({ code: 0, signal: null, stderr: '' });
    return ending.stdout;
  }
}

/** What the jobs gave, over both kinds. */
export class Twins {
  readonly #node: Outcomes;
  readonly #wintersock: Outcomes;
  readonly #asked = new Set<string>();

  constructor(node: Outcomes, wintersock: Outcomes) {
    this.#node = node;
    this.#wintersock = wintersock;
  }

  /** What a job gave over both, which has to be the same. */
  value<Value>(job: string): Value {
    const { node, wintersock } = this.#outcomes(job);
    for (const { error } of [node, wintersock]) {
      if (error) expect.fail(`${job} failed: ${error.code} ${error.message}`);
    }
    expect(wintersock.value).toEqual(node.value);
    return wintersock.value as Value;
  }

  /** What was thrown over both, which has to be the same but for the message; ours. */
  failure(job: string): Failure {
    const { node, wintersock } = this.#outcomes(job);
    if (!node.error || !wintersock.error) {
      return expect.fail(`${job} did not fail: ${JSON.stringify({ node, wintersock })}`);
    }
    const { message: _, name: __, ...expected } = node.error;
    expect(wintersock.error).toMatchObject(expected);
    return wintersock.error;
  }

  /** Jobs that no test has looked at. */
  get forgotten(): string[] {
    return [...this.#node.keys()].filter((job) => !this.#asked.has(job));
  }

  #outcomes(job: string): { node: Outcome; wintersock: Outcome } {
    this.#asked.add(job);
    const [node, wintersock] = [this.#node.get(job), this.#wintersock.get(job)];
    if (!node || !wintersock) return expect.fail(`there is no job ${job}`);
    return { node, wintersock };
  }
}
