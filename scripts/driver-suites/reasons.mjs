/**
 * Why a test does not end as over node:net, where that is known.
 * @type {readonly { suite: string, ways: readonly string[], test: RegExp, why: string }[]}
 */
export const reasons = [];
