/** One call of the command: connects, tells what happened, passes data on or not, and knows the exit code. */

import type { Readable, Writable } from 'node:stream';
import { hintsFor, wantsTls } from './advice.ts';
import type { Arguments } from './arguments.ts';
import { Attempt, type Opened, serverNameOf, type Target } from './attempt.ts';
import { bindingOf, proxyOf, socketOptionsOf, timeLimitOf } from './config.ts';
import { exit, exitCodeOf, isRefusal, type Problem, problemOf } from './failure.ts';
import { type Host, lookAt, outlast, overhear } from './look.ts';
import { lookingUp } from './lookup.ts';
import { relay } from './relay.ts';
import { addConnection, addStats, addTls, emptyReport, type Report } from './report.ts';
import type { Protocol } from './starttls.ts';
import { connectionWords, errorWords, hintWords, refusedWords, timesWords, warningWords } from './words.ts';

export interface Surroundings {
  stdin: Readable;
  stdout: Writable;
  stderr: Writable;
  /** Ends it; the reason is the exit code. */
  signal: AbortSignal;
}

export class Session {
  readonly #given: Arguments;
  readonly #io: Surroundings;
  readonly #report: Report;
  /** Whether it has been said what was found out once it was open. */
  #isTold = false;

  constructor(given: Arguments, io: Surroundings) {
    this.#given = given;
    this.#io = io;
    this.#report = emptyReport(given.address, given.value('starttls') ?? null, proxyOf(given));
  }

  /**
   * Resolves with the exit code.
   * @throws {UsageError}
   */
  async run(): Promise<number> {
    const report = this.#report;
    const config = bindingOf(this.#given, lookingUp(report.addresses));
    const target: Target = {
      address: this.#given.address,
      options: socketOptionsOf(this.#given, this.#io.signal),
      protocol: this.#given.value('starttls') as Protocol | undefined,
      limit: timeLimitOf(this.#given),
      trace: (text) => this.#say(this.#given.has('verbose') ? `${text}\n` : ''),
    };
    try {
      // Not before it is needed: `--help` is for machines without a binary, too.
      const { createBinding } = await import('wintersock');
      report.exitCode = await this.#connect({ config, target, createBinding });
    } catch (error) {
      report.exitCode = this.#fail(problemOf(error), {});
    }
    report.ok = report.exitCode === exit.fine;
    if (this.#given.has('json')) {
      const stream = this.#given.has('check') ? this.#io.stdout : this.#io.stderr;
      stream.write(`${JSON.stringify(report)}\n`);
    }
    return report.exitCode;
  }

  async #connect(host: Host): Promise<number> {
    const { config, target, createBinding } = host;
    const report = this.#report;
    const attempt = new Attempt(createBinding(config), target);
    try {
      const opened = await attempt.open();
      this.#tellOpened(opened, attempt, serverNameOf(target));
      await this.#use(opened, attempt);
      return exit.fine;
    } catch (thrown) {
      if (this.#io.signal.aborted) return Number(this.#io.signal.reason);
      const error = problemOf(thrown);
      if (attempt.stats) addStats(report, attempt.stats);
      if (isRefusal(error.code)) await lookAt(host, report, error.code);
      const overheard = await this.#overhear(host, error);
      return this.#io.signal.aborted ? Number(this.#io.signal.reason) : this.#fail(error, { overheard });
    } finally {
      await attempt.close();
      if (attempt.stats) addStats(report, attempt.stats);
    }
  }

  #tellOpened({ info, tls }: Opened, attempt: Attempt, serverName: string): void {
    const report = this.#report;
    addConnection(report, info);
    if (attempt.stats) addStats(report, attempt.stats);
    // NO_PROXY may have let it go past the proxy.
    if (attempt.stats?.timings.proxy === null) report.proxy = null;
    if (tls) addTls(report, { tls, alpn: info.alpn, serverName });
    if (this.#given.has('insecure') && !this.#given.has('pin')) {
      report.warnings.push('--insecure: anybody between here and the server can read and change everything');
    }
    const isWhole = this.#given.has('check') || this.#given.has('verbose');
    if (!this.#given.has('quiet')) this.#say(connectionWords(report, isWhole));
    this.#isTold = true;
  }

  async #use({ socket, tls }: Opened, attempt: Attempt): Promise<void> {
    if (this.#given.has('check')) {
      if (tls?.version === 'TLSv1.3') await outlast(socket, attempt.stats?.timings.tls ?? 0);
      return;
    }
    const manner = { noEnd: this.#given.has('no-end'), halfOpen: this.#given.has('half-open') };
    const sawTls = await relay(socket, this.#io, manner);
    if (!sawTls || tls !== null) return;
    this.#report.hints.push(wantsTls);
    this.#say(hintWords(wantsTls));
  }

  /** What the server says in plain text, if TCP was there, and TLS was not. */
  async #overhear(host: Host, { code, message }: Problem): Promise<Uint8Array | undefined> {
    if (!this.#given.has('tls') || this.#report.tls !== null) return undefined;
    const isTls = /^(?:ERR_TLS_PROTOCOL|ERR_TLS_HANDSHAKE)$/.test(code);
    const isWordless = /^(?:ETIMEDOUT|ECONNRESET)$/.test(code) && message.includes('handshake');
    return isTls || isWordless ? overhear(host) : undefined;
  }

  #fail(error: Problem, { overheard }: { overheard?: Uint8Array | undefined }): number {
    const report = this.#report;
    report.error = error;
    report.hints.push(...hintsFor(report, error, overheard));
    // Of a connection that was open for a while they have been said.
    const isNew = !this.#isTold && !this.#given.has('quiet');
    const facts = isNew ? timesWords(report) + refusedWords(report) + warningWords(report) : '';
    this.#say(facts + errorWords(report));
    return exitCodeOf(error.code);
  }

  #say(text: string): void {
    if (text !== '' && !this.#given.has('json')) this.#io.stderr.write(text);
  }
}
