/** What a soak needs around it: the peers, PostgreSQL, and the process that is looked at. */
export class Surroundings {
  static open(options?: { database?: boolean }): Promise<Surroundings>;
  /** Runs a program of this directory with a job, and gives what it says, line by line. Rejects if it does not end by itself, and well. */
  run(
    name: string,
    job: object,
    options: { node?: string; io?: string | undefined; seconds: number; env?: NodeJS.ProcessEnv },
    told: (line: unknown) => void,
  ): Promise<void>;
  close(): Promise<void>;
}
