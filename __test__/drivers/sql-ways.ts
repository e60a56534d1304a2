import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { closedPort } from '../fixtures/closed-port.mjs';
import { type Ending, runNode } from '../fixtures/node-process.mjs';
import { type Authority, createAuthority, type Credentials } from '../fixtures/pki.mjs';

const withoutNodeNet = `
  import { Socket } from 'node:net';
  Socket.prototype.connect = () => { throw new Error('node:net was used'); };
`;

/** What a job printed: what the client's user got, or what was thrown at him. */
export type Outcome = { value: unknown } | { error: unknown };

/** How a client's jobs went, by their names. */
export type Outcomes = Readonly<Record<string, Outcome>>;

/** What the jobs of the SQL clients and their recipes run under: authorities, their files, a port where nobody listens. */
export class Surroundings implements AsyncDisposable {
  readonly authority: Authority;
  readonly credentials: Credentials;
  /** Trusts `authority`, tells of one that is trusted by nobody, and of a port where nobody listens. */
  readonly env: Readonly<Record<string, string>>;
  readonly #directory: string;

  private constructor(
    authority: Authority,
    credentials: Credentials,
    env: Readonly<Record<string, string>>,
    directory: string,
  ) {
    this.authority = authority;
    this.credentials = credentials;
    this.env = env;
    this.#directory = directory;
  }

  static async create(): Promise<Surroundings> {
    const authority = await createAuthority();
    const stranger = await createAuthority({ commonName: 'somebody else' });
    const directory = await mkdtemp(join(tmpdir(), 'wintersock-driver-'));
    const trusted = join(directory, 'ca.pem');
    await writeFile(trusted, authority.certPem);
    const env = {
      NODE_EXTRA_CA_CERTS: trusted,
      CA: authority.certPem,
      STRANGER_CA: stranger.certPem,
      CLOSED_PORT: String(await closedPort()),
      WINTERSOCK_IO: process.env['WINTERSOCK_IO'] ?? '',
    };
    // Not for 127.0.0.1, where the server is as well: that is the wrong name.
    return new Surroundings(authority, await authority.issue({ names: ['localhost'] }), env, directory);
  }

  /** Runs all jobs of a file over sockets made `way`. The process has to end by itself, cleanly and in silence. */
  async run(jobs: string, way: string, env: Readonly<Record<string, string>>): Promise<Outcomes> {
    const path = fileURLToPath(new URL(jobs, import.meta.url));
    const ending = await this.#node([path, way], env);
    expect(ending, ending.stdout).toMatchObject({ code: 0, signal: null, stderr: '' });
    const lines = ending.stdout.trim().split('\n');
    return Object.fromEntries(
      lines.map((line) => {
        const { job, ...outcome } = JSON.parse(line);
        return [job, outcome];
      }),
    );
  }

  /** Runs a recipe exactly as it is. That nothing goes past wintersock is seen to. */
  recipe(name: string, env: Readonly<Record<string, string>>): Promise<Ending> {
    const path = fileURLToPath(new URL(`../../examples/drivers/${name}`, import.meta.url));
    return this.#node(['--import', `data:text/javascript,${encodeURIComponent(withoutNodeNet)}`, path], env);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#directory, { recursive: true });
  }

  #node(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Ending> {
    return runNode(args, { env: { ...this.env, ...env } });
  }
}

/**
 * Tests that a client's jobs end as `expected`, all of them and no others, whichever way its sockets are made. One of the ways is node:net: so the others
 * are the same as that one. `omitted` are the jobs that cannot be done one way.
 */
export function testWays(
  jobs: string,
  ways: readonly string[],
  expected: Outcomes,
  setting: () => { surroundings: Surroundings; env: Readonly<Record<string, string>> },
  omitted: Readonly<Record<string, readonly string[]>> = {},
): void {
  let running: ReadonlyMap<string, Promise<Outcomes>> | undefined;
  const start = () => {
    const { surroundings, env } = setting();
    return inTwos(ways, (way) => surroundings.run(jobs, way, env));
  };

  describe.each(ways)('over %s', (way) => {
    const jobsOf = Object.keys(expected).filter((job) => !omitted[way]?.includes(job));
    let outcomes: Outcomes;

    // The process ends by itself, or this fails.
    beforeAll(async () => {
      running ??= start();
      outcomes = (await running.get(way)) ?? {};
    }, 180_000);

    // Where another thread watches the sockets and node:tls is over them, a server's reset may overtake its end: it answers the
    // close_notify of node:tls, for which it no longer waits.
    const overtaken = process.env['WINTERSOCK_IO'] === 'thread' && way === 'duplex';
    const compared = (job: string, outcome: unknown) =>
      overtaken && /killed|terminated/i.test(job) ? withoutResets(outcome) : outcome;

    test.each(jobsOf)('%s', (job) => {
      expect(compared(job, outcomes[job])).toEqual(compared(job, expected[job]));
    });

    test('and nothing else', () => {
      expect(outcomes['unhandled']).toBeUndefined();
      expect(Object.keys(outcomes)).toEqual(jobsOf);
    });
  });
}

const LOST = 'the connection is lost';

/** An outcome in which it does not matter whether the connection was reset or lost. */
function withoutResets(outcome: unknown): unknown {
  const { code } = Object(outcome);
  if (code === 'ECONNRESET' || code === 'PROTOCOL_CONNECTION_LOST') return LOST;
  if (Array.isArray(outcome)) return outcome.map(withoutResets).filter((one) => one !== LOST);
  if (typeof outcome !== 'object' || outcome === null) return outcome;
  return Object.fromEntries(Object.entries(outcome).map(([name, value]) => [name, withoutResets(value)]));
}

/** Runs one after the other, but two at a time: each waits now and then. */
function inTwos<Result>(
  names: readonly string[],
  run: (name: string) => Promise<Result>,
): ReadonlyMap<string, Promise<Result>> {
  const results = new Map<string, Promise<Result>>();
  const lanes: Promise<unknown>[] = [Promise.resolve(), Promise.resolve()];
  for (const [index, name] of names.entries()) {
    const lane = index % lanes.length;
    const result = Promise.resolve(lanes[lane]).then(() => run(name));
    // Whoever asks for it is told of its failure.
    lanes[lane] = result.catch(() => {});
    results.set(name, result);
  }
  return results;
}

/** Tests that a recipe prints that, and verifies whom it talks to. It takes its server from DATABASE_URL. */
export function testRecipe(
  name: string,
  printed: string,
  setting: () => { surroundings: Surroundings; url: string },
): void {
  describe(`examples/drivers/${name}`, { timeout: 60_000 }, () => {
    test('prints what it got, and ends', async () => {
      const { surroundings, url } = setting();
      const ending = await surroundings.recipe(name, { DATABASE_URL: url });
      expect(ending).toMatchObject({ stdout: `${printed}\n`, stderr: '', code: 0, signal: null });
    });

    test('refuses a server that nobody vouches for', async () => {
      const { surroundings, url } = setting();
      const ending = await surroundings.recipe(name, { DATABASE_URL: url, NODE_EXTRA_CA_CERTS: '' });
      expect(ending).toMatchObject({ stdout: '', code: 1 });
      expect(ending.stderr).toMatch(
        /unable to verify the first certificate|no trusted authority issued it|self-signed certificate/i,
      );
    });
  });
}
