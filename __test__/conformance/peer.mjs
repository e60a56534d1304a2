const base64 = (data) => {
  const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data;
  return btoa(String.fromCharCode(...bytes));
};

/** Steps of a script with text, as peers take them. */
const encoded = (script) =>
  script?.map(([name, argument]) => [name, name === 'send' || name === 'raw' ? base64(argument) : argument]);

/** A peer as a clause sees it: where it listens, what it is told to do, what it saw. */
export class RemotePeer {
  #control;
  #id;

  static async listen(control, spec) {
    const script = encoded(spec.script);
    return new RemotePeer(control, await control('listen', [{ ...spec, ...(script && { script }) }]));
  }

  constructor(control, { id, hostname, port }) {
    this.#control = control;
    this.#id = id;
    this.hostname = hostname;
    this.port = port;
  }

  get id() {
    return this.#id;
  }

  /** `"127.0.0.1:5432"` or `"[::1]:5432"`. */
  get address() {
    return this.hostname.includes(':') ? `[${this.hostname}]:${this.port}` : `${this.hostname}:${this.port}`;
  }

  /** The same place by name. */
  get local() {
    return `localhost:${this.port}`;
  }

  send(data, connection = 0) {
    return this.#act(connection, 'send', base64(data));
  }

  /** Begins to send `length` bytes of the test pattern; the log's `written` tells how far it came. */
  sendPattern(length, connection = 0) {
    return this.#act(connection, 'pattern', length);
  }

  /** Sends bytes beneath TLS. */
  raw(data, connection = 0) {
    return this.#act(connection, 'raw', base64(data));
  }

  /** Ends its side in good order: close_notify where there is TLS, then FIN. */
  end(connection = 0) {
    return this.#act(connection, 'end');
  }

  /** FIN alone. */
  fin(connection = 0) {
    return this.#act(connection, 'fin');
  }

  reset(connection = 0) {
    return this.#act(connection, 'reset');
  }

  pause(connection = 0) {
    return this.#act(connection, 'pause');
  }

  resume(connection = 0) {
    return this.#act(connection, 'resume');
  }

  /** Resolves with the log when `event` was seen: a member of the log, or a number of bytes. */
  until(event, connection = 0) {
    return this.#control('until', [this.#id, connection, event]);
  }

  log(connection = 0) {
    return this.#control('log', [this.#id, connection]);
  }

  /** Resolves when `count` connections have been made to it. */
  async arrivals(count) {
    await this.until('remotePort', count - 1);
  }

  /** How many connections were made to it so far. */
  accepted() {
    return this.#control('accepted', [this.#id]);
  }

  #act(connection, name, argument) {
    return this.#control('act', [this.#id, connection, name, argument]);
  }
}
