import type { Clause } from './clauses/index.d.mts';

/** How a clause ended. */
export interface Result {
  id: string;
  status: 'pass' | 'fail' | 'n.a.';
  /** Why it failed or was not applicable. */
  message: string;
}

/** A subject that can be asked clause by clause. */
export interface Session {
  run(clause: Clause): Promise<Result>;
  close(): Promise<void>;
}

export function openSession(what: { subject: string; defect?: string }): Promise<Session>;
