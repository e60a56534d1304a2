/** A clause of the standard or of our rulings; see clause.mjs for its body. */
export interface Clause {
  readonly id: string;
  readonly source: { readonly label: string; readonly link: string };
  readonly says: string;
  /** Milliseconds, if it is not the usual deadline. */
  readonly deadline?: number;
}

export const clauses: readonly Clause[];
