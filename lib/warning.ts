/** What a process is warned of. */

const WARNED = Symbol.for('wintersock.warned');

/** Once in a thread, however many copies of this module there are. */
export function warn(code: string, message: string): void {
  const holder = process as { [WARNED]?: Set<string> };
  if (holder[WARNED] === undefined) Object.defineProperty(process, WARNED, { value: new Set() });
  if (holder[WARNED]?.has(code)) return;
  holder[WARNED]?.add(code);
  process.emitWarning(message, { code });
}
