/** What a connection is at when the fault comes, in words, by name. */
export const phases: Readonly<Record<string, string>>;
