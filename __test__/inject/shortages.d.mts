import type { Places } from './peers.mjs';

/** A process that runs out of something. */
export class Short {
  constructor(options: {
    node?: string | undefined;
    io?: string | undefined;
    places: Places;
    inside?: readonly string[] | undefined;
  });
  end(): Promise<void>;
}

export interface Shortage {
  name: string;
  /** `false`, or why it cannot be tried here. */
  skip: string | false;
  /** The command inside which its process runs, with its arguments. */
  inside?: readonly string[] | undefined;
  /** What is wrong, in words. */
  run(short: Short): Promise<string[]>;
}

/** What a process can run out of, for real: with the addon as it is published. */
export const shortages: readonly Shortage[];
