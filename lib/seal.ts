/** After close() or startTls(): what is queued on the writable side still goes out, what comes later does not. */
export class Seal {
  /** `'upgrade'`: the connection goes on without this side, so the peer must not be sent an end. */
  readonly why: 'close' | 'upgrade';
  /** What later writes get. */
  readonly error: unknown;
  #left: number;
  readonly #drained: (whole: boolean) => void;

  /** @param drained Called at the end. `whole`: all that was queued went out. */
  constructor(why: Seal['why'], queued: number, error: unknown, drained: (whole: boolean) => void) {
    this.why = why;
    this.error = error;
    this.#left = queued;
    this.#drained = drained;
  }

  /** Whether all that was queued has gone out. */
  get isThrough(): boolean {
    return this.#left <= 0;
  }

  /** One of the queued writes has gone out. */
  wrote(): void {
    this.#left -= 1;
  }

  drained(): void {
    this.#drained(this.isThrough);
  }
}
