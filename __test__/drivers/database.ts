import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { runNode } from '../fixtures/node-process.mjs';
import { type Authority, createAuthority, type IssueOptions } from '../fixtures/pki.mjs';
import { type PostgresChange, type PostgresServer, startPostgres } from '../fixtures/postgres.mjs';

/** What a job printed: what the driver's user got, or what was thrown at him. */
export interface Outcome<Value> {
  value?: Value;
  error?: Failure;
  /** Codes of rejections that nobody handled, where the driver leaves some. */
  unhandled?: string[];
}

/** An error as a driver's user sees it. */
export interface Failure {
  name: string;
  code?: string;
  message: string;
}

/** PostgreSQL with a certificate of `authority`, and a driver's jobs run against it. */
export class Database {
  static readonly names = { names: ['localhost', '127.0.0.1'] };
  readonly authority: Authority;
  readonly server: PostgresServer;
  readonly #jobs: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #usual: PostgresChange;

  private constructor(
    jobs: string,
    env: Readonly<Record<string, string>>,
    authority: Authority,
    server: PostgresServer,
    usual: PostgresChange,
  ) {
    this.#jobs = fileURLToPath(new URL(jobs, import.meta.url));
    this.#env = env;
    this.authority = authority;
    this.server = server;
    this.#usual = usual;
  }

  static async start(jobs: string, env: Readonly<Record<string, string>> = {}): Promise<Database> {
    const authority = await createAuthority();
    const usual = {
      credentials: await authority.issue(Database.names),
      clientAuthority: '',
      settings: { ssl_max_protocol_version: '' },
    };
    return new Database(jobs, env, authority, await startPostgres(usual), usual);
  }

  stop(): Promise<void> {
    return this.server.stop();
  }

  /** Runs one job. Its process has to end by itself, cleanly and in silence, whatever happened to the connection. */
  async run<Value>(job: string, env: Readonly<Record<string, string>> = {}): Promise<Outcome<Value>> {
    const { port, user, password, database } = this.server;
    const ending = await runNode(['--import', 'wintersock/register', this.#jobs, job], {
      env: {
        PGHOST: 'localhost',
        PGPORT: String(port),
        PGUSER: user,
        PGPASSWORD: password,
        PGDATABASE: database,
        DATABASE_CA: this.authority.certPem,
        ...this.#env,
        ...env,
      },
    });
    expect(ending).toMatchObject({ code: 0, signal: null, stderr: '' });
    return JSON.parse(ending.stdout);
  }

  /** Runs one job that has to succeed. */
  async succeed<Value>(job: string, env: Readonly<Record<string, string>> = {}): Promise<Value> {
    const { value, error, unhandled = [] } = await this.run<Value>(job, env);
    expect(unhandled).toEqual([]);
    if (error) expect.fail(`${job} failed: ${error.code} ${error.message}`);
    return value as Value;
  }

  /** Runs one job that has to fail. */
  async fail(
    job: string,
    env: Readonly<Record<string, string>> = {},
    unhandledByDriver: readonly string[] = [],
  ): Promise<Failure> {
    const { value, error, unhandled = [] } = await this.run(job, env);
    expect(unhandled).toEqual(unhandledByDriver);
    if (!error) expect.fail(`${job} did not fail: ${JSON.stringify(value)}`);
    return error;
  }

  /** Changes PostgreSQL while `work` runs. */
  async during(change: PostgresChange, work: () => Promise<void>): Promise<void> {
    await this.server.reload(change);
    try {
      await work();
    } finally {
      await this.server.reload(this.#usual);
    }
  }

  /** Shows another certificate while `work` runs. */
  async withCertificate(options: IssueOptions, work: () => Promise<void>): Promise<void> {
    await this.during({ credentials: await this.authority.issue(options) }, work);
  }
}
