/** The release lines that are tested, oldest first. */
export const nodeMajors: readonly number[];

/** The executable of the newest Node of a release line. The one that runs this stands for its own line. */
export function nodeExecutable(major: number): Promise<string>;
