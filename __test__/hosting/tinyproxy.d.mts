/** Whether it is installed; `skip` says what to install. */
export const available: { path: string; skip: false | string };

export interface Tinyproxy {
  /** With user and password. */
  readonly url: string;
  readonly port: number;
  /** What it has printed. */
  log(): string;
  stop(): Promise<void>;
}

/** Starts it on a free port of 127.0.0.1. */
export function startTinyproxy(): Promise<Tinyproxy>;
