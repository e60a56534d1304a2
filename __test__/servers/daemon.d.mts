/** Whether a server's program is here. */
export interface Finding {
  /** Of the program; `''` if it is missing. */
  readonly path: string;
  /** `false`, or how the skipped test is called: `"skipped: install redis-server"`. */
  readonly skip: string | false;
}

/** Where a server lives. */
export interface Place {
  readonly directory: string;
  /** On 127.0.0.1; they were free a moment ago. */
  readonly ports: readonly number[];
  /** The path of a file in the directory. */
  file(name: string): string;
}

export interface Daemon extends Place, AsyncDisposable {
  readonly pid: number;
  /** What it printed so far. */
  log(): string;
  /** Kills it and removes its directory. */
  stop(): Promise<void>;
}

export interface DaemonOptions {
  path: string;
  /** How many. */
  ports: number;
  /** By name, readable for the user alone. */
  files?: Readonly<Record<string, string | ((place: Place) => string)>>;
  args(place: Place): readonly string[];
  /** What it prints when it listens. */
  ready: RegExp;
  env?: Readonly<Record<string, string>>;
}

/** Looks for a program in PATH and where daemons are. Never on Windows. */
export function find(program: string, debianPackage: string): Finding;

/** Starts a server and resolves when it is ready. It ends with this process at the latest, however that ends. */
export function startDaemon(options: DaemonOptions): Promise<Daemon>;
