/** Secure contexts: Node's own, with the options that they were made of, because nothing can be read from them. */

import tls from 'node:tls';

const made = new WeakMap<object, tls.SecureContextOptions>();

/** As `tls.createSecureContext()`. What it returns serves sockets of Node's own as well. */
export function createSecureContext(options: tls.SecureContextOptions = {}): tls.SecureContext {
  const context = tls.createSecureContext(options);
  // With what they inherit: Node reads that too, and without it another authority would be trusted than was asked for.
  const kept: Record<string, unknown> = {};
  for (const name in options) kept[name] = options[name as keyof typeof options];
  made.set(context, kept);
  return context;
}

/** What a context was made of. Undefined if it is somebody else's. */
export function optionsOf(context: object): tls.SecureContextOptions | undefined {
  return made.get(context);
}
