/** What scenarios need around them. */
export class Portable {
  static open(): Promise<Portable>;
  /** Runs the scenario of that name in a process of its own, with this Node and WINTERSOCK_IO, and says what is wrong. `round`: which of its turns. */
  run(name: string, round: number): Promise<string[]>;
  close(): Promise<void>;
}
