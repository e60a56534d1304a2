/**
 * A promise with its settlers, made when somebody asks for it. It is marked as handled: nobody who ignores it gets an unhandled
 * rejection.
 */
export class Deferred<T> {
  #promise: Promise<T> | undefined;
  #settlers: { resolve(value: T): void; reject(reason: unknown): void } | undefined;

  get promise(): Promise<T> {
    if (this.#promise === undefined) {
      const promise = new Promise<T>((resolve, reject) => {
        this.#settlers = { resolve, reject };
      });
      this.#promise = handled(promise);
    }
    return this.#promise;
  }

  /** Only the first of all settlements counts. */
  resolve(value: T): void {
    if (this.#promise === undefined) this.#promise = Promise.resolve(value);
    else this.#settlers?.resolve(value);
    this.#settlers = undefined;
  }

  reject(reason: unknown): void {
    if (this.#promise === undefined) this.#promise = handled(Promise.reject(reason));
    else this.#settlers?.reject(reason);
    this.#settlers = undefined;
  }
}

function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

/**
 * The same promise, after `settled` was called. Another object: who looks at a promise marks it as handled, and a rejection that nobody
 * else looks at would go unnoticed.
 */
export function counted<T>(promise: Promise<T>, settled: () => void): Promise<T> {
  return promise.then(
    (value) => {
      settled();
      return value;
    },
    (error) => {
      settled();
      throw error;
    },
  );
}
