/** Configurations to spread into one's own. */

/** For everybody in the process, so nobody may change them. */
const preset = (allow: readonly string[], deny: readonly string[]) =>
  Object.freeze({ allow: Object.freeze(allow), deny: Object.freeze(deny) });

export const presets = Object.freeze({
  workerd: preset(['public'], []),
  // Mail is not to be sent from there.
  cloudflare: preset(['public'], ['*:25']),
});
