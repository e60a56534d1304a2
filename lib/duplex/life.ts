/** The life of a duplex: connects, is read and written, goes over to TLS, ends. In the ways of net.Socket. */

import { isIP } from 'node:net';
import { addAbortSignal, Duplex } from 'node:stream';
import type { SocketConstructorOptions, TlsOptions } from '../../node.d.ts';
import { destroyed, dialling, opened, startsTls } from '../channels.ts';
import { SocketError } from '../error.ts';
import { type Host, hostOf } from '../host.ts';
import { readSecureTransport } from '../options.ts';
import { checkTimes, readArguments, readEndpoint, readTarget, type Target, textOf } from './arguments.ts';
import { Attempts } from './attempts.ts';
import { defineHalfOpen, peerEnds } from './half-open.ts';
import { Line } from './line.ts';
import { addressesOf, addressOf, isOurs, resolve } from './lookup.ts';
import { checkSecuring, gone, misused, UNCONNECTED } from './misuse.ts';
import { type Adopted, type LineOwner, PARTS, Parts, SECURED } from './parts.ts';
import { readSecurity, type Security } from './security.ts';
import type { Done } from './writes.ts';

/** What a socket is at. */
type State =
  /** Not connected. */
  | { kind: 'idle' }
  | { kind: 'lined'; line: Line }
  /** Its connection is another socket's, which has it over TLS. */
  | { kind: 'replaced'; by: Life };

/** Lets `next` have the connection of `plain`, over TLS. */
export let handOver: (plain: Life, next: Life, options: TlsOptions) => void;
/** Gives a socket the connection that `line` makes for it, or has. */
export let adopt: (socket: Life, adopted: Adopted) => void;

export abstract class Life extends Duplex {
  connecting = false;
  _host: string | null = null;
  timeout: number | undefined;
  readonly [PARTS] = new Parts(this);
  #state: State = { kind: 'idle' };
  #host = '';
  /** The connection is made with TLS, not upgraded. */
  #comesSecure = false;
  /** Of TLS, if startTls() is told nothing else. */
  #defaults: TlsOptions = {};
  /** What the stream holds goes to the line at once. */
  #handsOver = false;
  readonly #owner: LineOwner = {
    opened: () => this.#opened(),
    secured: () => this.#secured(),
    received: (chunk) => {
      this[PARTS].idleness.active();
      return this.push(chunk);
    },
    ended: () => peerEnds(this),
    broke: (error) => this.destroy(error),
    idled: (error) => this.destroy(error),
  };

  static {
    defineHalfOpen(Life.prototype);
    handOver = (plain, next, options) => plain.#handOver(next, options);
    adopt = (socket, adopted) => socket.#adopt(adopted);
  }

  constructor(options: SocketConstructorOptions = {}) {
    const { allowHalfOpen = false, highWaterMark, signal } = options ?? {};
    super({
      // Emitted here, a turn after the end: some listen for an error of their own until then.
      emitClose: false,
      autoDestroy: true,
      decodeStrings: true,
      ...(highWaterMark !== undefined && { highWaterMark }),
    });
    this[PARTS].halfOpen = Boolean(allowHalfOpen);
    // Not by the options: one that is aborted already destroys what has no fields yet.
    if (signal) addAbortSignal(signal, this);
  }

  abstract setTimeout(milliseconds: number): this;
  abstract [SECURED](): void;

  connect(...given: unknown[]): this {
    const [options, listener] = readArguments(given);
    const target = readTarget(options);
    const host = hostOf(options.binding);
    const secure =
      readSecureTransport(options.secureTransport) === 'on'
        ? readSecurity(options, target.host, host.credentials)
        : undefined;
    if (this.destroyed) this.#renew();
    if (this.#state.kind !== 'idle' || this.connecting) {
      throw new SocketError('connect() was called before; make a socket for each connection', {
        code: 'ERR_INVALID_STATE',
      });
    }
    const { noDelay, keepAlive, keepAliveInitialDelay = 0, timeout } = options;
    checkTimes(keepAliveInitialDelay, timeout);
    if (listener) this.once('connect', listener);
    this.connecting = true;
    this.#host = target.host;
    // What node:tls over this takes for the server's name, if it is told none.
    if (isIP(target.host) === 0 && target.path === undefined) this._host = target.host;
    Object.assign(this[PARTS], { security: secure, host, address: textOf(target) });
    const { tuning, idleness } = this[PARTS];
    if (noDelay !== undefined) tuning.noDelay(noDelay);
    if (keepAlive) tuning.probes(true, keepAliveInitialDelay);
    if (timeout) this.setTimeout(timeout);
    idleness.active();
    return dialling(this[PARTS], () => {
      const line = this.#take(new Line(this.#owner, this.#host));
      if (secure) line.secure(secure, 0);
      if (isOurs(target, host)) this.#lookUp(line, target, host);
      else this.#dial(() => line.dial(new Attempts([addressOf(target)], host, target.family)));
      return this;
    });
  }

  startTls(options: TlsOptions = {}, listener?: () => void): this {
    const security = this.#upgrading(options);
    startsTls(this[PARTS], this[PARTS], security.secure.serverName);
    this[PARTS].security = security;
    if (listener) this.once('secureConnect', listener);
    this[PARTS].line?.secure(security, this.writableLength);
    return this;
  }

  #handOver(next: Life, options: TlsOptions): void {
    const security = this.#upgrading(options);
    const state = this.#state;
    if (state.kind !== 'lined') throw misused(UNCONNECTED);
    // All of it now: what the other writes must not come before it, or be counted as it, and so go out in plain text.
    this.#handsOver = true;
    while (this.writableCorked > 0) this.uncork();
    state.line.release();
    this.#handsOver = false;
    startsTls(this[PARTS], next[PARTS], security.secure.serverName);
    const { local, remote, host, address, idleness } = this[PARTS];
    this[PARTS].moved = true;
    next[PARTS].idleness.below = idleness;
    Object.assign(next[PARTS], { local, remote, host, address, security });
    next.#host = this.#host;
    next.connecting = this.connecting;
    this.#state = { kind: 'replaced', by: next };
    this.connecting = false;
    state.line.owner = next.#owner;
    next.#take(state.line);
    if (!next.connecting) next[PARTS].tuning.apply();
    // It is silent from now on, and goes with the other.
    state.line.followers.push({ closed: () => this.destroy() });
    state.line.secure(security, state.line.writes.queued);
  }

  #adopt({ native, address, by, connecting, security, defaults, follower, handsOver }: Adopted): void {
    this.#host = address.host;
    Object.assign(this[PARTS], { host: by, address: address.text, security });
    this.connecting = connecting;
    this.#defaults = defaults;
    this.#comesSecure = security !== undefined;
    const line = this.#take(new Line(this.#owner, this.#host));
    line.followers.push(follower);
    line.take(native, !connecting, handsOver === undefined);
    handsOver?.(line);
    if (connecting) return;
    this.#learn(line);
    this[PARTS].tuning.apply();
    if (this.#comesSecure) this[SECURED]();
  }

  #upgrading(options: TlsOptions): Security {
    const { servername = this.#defaults.servername, ALPNProtocols = this.#defaults.ALPNProtocols } = options;
    const security = readSecurity(
      { ...options, servername, ALPNProtocols },
      this.#host,
      this[PARTS].host?.credentials,
    );
    checkSecuring({
      connected: this.#state.kind === 'lined',
      secured: this[PARTS].security !== undefined,
      over: this.destroyed || this.writableEnded || this.readableEnded,
      unread: this.readableLength > 0,
    });
    return security;
  }

  #lookUp(line: Line, target: Target, host: Host): void {
    const awaited = () => !this.destroyed && this[PARTS].line === line;
    const said = (error: Error | null, address?: string, family?: number) =>
      awaited() && this.emit('lookup', error, address, family, target.host);
    const found = (error: Error | null, addresses: readonly string[]) => {
      if (!awaited()) return;
      if (error) this.destroy(error);
      else this.#dial(() => line.dial(new Attempts(addressesOf(target, addresses), host, 0, begun)));
    };
    const begun = performance.now();
    this.#dial(() => resolve(target, host, said, found));
  }

  #dial(dial: () => void): void {
    try {
      dial();
    } catch (error) {
      // As in node:net, what is wrong with a name is found out later.
      process.nextTick(() => this.destroy(error as Error));
    }
  }

  #take(line: Line): Line {
    this.#state = { kind: 'lined', line };
    this[PARTS].line = line;
    this[PARTS].tuning.attach(line);
    return line;
  }

  #opened(): void {
    const { line } = this.#state as State & { kind: 'lined' };
    this.connecting = false;
    this[PARTS].idleness.active();
    this[PARTS].tuning.apply();
    this.#learn(line);
    if (!this[PARTS].security) opened(this[PARTS]);
    this.emit('connect');
    this.emit('ready');
    if (this.#comesSecure) this[SECURED]();
    // As in node:net: the end is noticed although nobody reads.
    if (!this.destroyed && this.readable && !this.isPaused()) this.read(0);
  }

  #secured(): void {
    this[PARTS].idleness.active();
    this[SECURED]();
    if (!this.destroyed && this.readable && !this.isPaused()) this.read(0);
  }

  #learn({ native }: Line): void {
    const info = native?.info();
    const parts = this[PARTS];
    parts.local = info ? readEndpoint(info.localAddress) : undefined;
    parts.remote = info ? readEndpoint(info.remoteAddress) : undefined;
  }

  /** For another connection after the last one has closed. */
  #renew(): void {
    (this as unknown as { _undestroy(): void })._undestroy();
    this.#state = { kind: 'idle' };
    const { halfOpen } = this[PARTS];
    Object.assign(this[PARTS], new Parts(this), { halfOpen });
  }

  override _read(): void {
    if (this.#state.kind === 'lined') this.#state.line.read();
  }

  override _write(chunk: Uint8Array, _encoding: string, done: Done): void {
    this[PARTS].idleness.active();
    if (this.#handsOver && this.#state.kind === 'lined') {
      this.#state.line.keep(chunk);
      done();
    } else if (this.#state.kind === 'lined') this.#state.line.write(chunk, done);
    else if (this.#state.kind === 'replaced') done(misused('the connection has gone over to TLS'));
    else done(gone(this.#host, 'the socket is not connected'));
  }

  override _writev(chunks: { chunk: Uint8Array; encoding: string }[], done: Done): void {
    // What was written in pieces, and corked, goes out as one: peers and packets like that better than the copy costs.
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), 'buffer', done);
  }

  override _final(done: Done): void {
    const { line } = this[PARTS];
    const ended: Done = (error) => {
      // Never at once, as in node:net: what is called right after end() comes before 'finish'.
      process.nextTick(done, error);
      // Not by a listener: drivers remove them all.
      // Asked then, not now: destroySoon() may come after end(), and the next connection after both.
      setImmediate(() => {
        if (this[PARTS].leaving === 'soon' && this[PARTS].line === line) this.destroy();
      });
    };
    if (this.#state.kind === 'lined') this.#state.line.end(ended);
    else ended();
  }

  override _destroy(error: Error | null, done: Done): void {
    this.connecting = false;
    this[PARTS].idleness.stop();
    this[PARTS].local = undefined;
    const reason = error ?? gone(this.#host, 'the socket was destroyed');
    if (this.#state.kind !== 'idle') destroyed(this[PARTS], error, reason);
    if (this.#state.kind === 'lined') {
      const { line } = this.#state;
      const lost = this.writableLength > 0 || this[PARTS].leaving === 'reset';
      line.close(lost ? 'cut' : this.writableFinished && !error ? 'end' : 'drop', reason);
    } else if (this.#state.kind === 'replaced') {
      this.#state.by.destroy(error ?? undefined);
    }
    done(error);
    const hadError = error !== null && this.#state.kind !== 'idle';
    setImmediate(() => this.emit('close', hadError));
  }
}
