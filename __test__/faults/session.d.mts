/** A socket of `wintersock`, one of `wintersock/node`, one of Node's own. */
export type Api = 'web' | 'duplex' | 'node';

/** How a cell has ended. */
export interface CellResult {
  title: string;
  phase: string;
  transport: string;
  name: string;
  api: Api;
  /** What is wrong with it. */
  wrong: string[];
  /** Words by what they are of; `expected` has patterns as text. */
  seen?: Record<string, string>;
  expected?: Record<string, string>;
  verdict?: { how: string; code?: string };
  trace?: string[];
  /** Milliseconds until everything had settled. */
  ms?: number;
  /** What it was the first time, of a cell that was run again: too slow, or not in its phase before the fault. */
  once?: string;
}

export interface MatrixRun {
  /** Without those in which nothing goes wrong. */
  cells: CellResult[];
  /** Of cells, and of the process as a whole. */
  failures: Pick<CellResult, 'title' | 'wrong'>[];
  /** Cells that were slow once. Of a few of them that is no failure. */
  again: CellResult[];
}

/**
 * Runs the matrix, or those of its cells whose title (`phase | transport | api | fault`) matches `only`, with that Node and WINTERSOCK_IO.
 * Rejects if the process has not ended by itself after `deadline` milliseconds.
 */
export function runMatrix(options: {
  node?: string;
  io?: string | undefined;
  apis: readonly Api[];
  only?: string;
  deadline?: number;
}): Promise<MatrixRun>;
