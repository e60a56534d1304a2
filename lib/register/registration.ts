/** What is registered on this thread, and how it is asked for: by `register()`, by the environment, by the thread that started this one. */
import type { RegisterOptions, Registration } from '../../register.d.ts';
import { Replaced } from './replaced.ts';
import { Workers } from './workers.ts';

/** Thrown by what follows; the entry makes it a SocketError. */
export class InvalidOption extends Error {}

/** What goes from thread to thread. */
export interface Settings extends Registration {
  /** Where the application finds its packages. */
  readonly places: readonly string[];
}

/** Asked by the hooks at every module. */
export class Registry {
  workers = new Workers([]);
  replaced = new Replaced([], []);

  set({ workers, replace, places }: Settings): void {
    this.workers = new Workers(workers);
    this.replaced = new Replaced(replace, places);
  }
}

/** What the environment asks for. @throws {InvalidOption} */
export function registrationOf({ WINTERSOCK_REGISTER, WINTERSOCK_REPLACE }: NodeJS.ProcessEnv): Registration {
  const listed = (variable: string, value: string | undefined): string[] | undefined =>
    value === undefined
      ? undefined
      : namesIn(
          value.split(',').filter((name) => name.trim()),
          variable,
        );
  const workers = listed('WINTERSOCK_REGISTER', WINTERSOCK_REGISTER);
  const replace = listed('WINTERSOCK_REPLACE', WINTERSOCK_REPLACE);
  return merged({ workers: ['pg'], replace: [] }, workers, replace);
}

/** A registration after `register(options)`. @throws {InvalidOption} */
export function changed(present: Registration, options: RegisterOptions): Registration {
  if (typeof options !== 'object' || options === null || Symbol.iterator in options) {
    throw new InvalidOption("register() takes an object, such as { workers: ['pg'], replace: ['redis'] }");
  }
  for (const member of Object.keys(options)) {
    if (member === 'workers' || member === 'replace') continue;
    throw new InvalidOption(`register() has no option \`${member}\`; use \`workers\` or \`replace\``);
  }
  const listed = (member: 'workers' | 'replace'): string[] | undefined =>
    options[member] === undefined ? undefined : namesIn(options[member], member);
  return merged(present, listed('workers'), listed('replace'));
}

/** What is given in place of what there was. A package is in one of the two: in the one that named it last. */
function merged(
  present: Registration,
  workers: readonly string[] | undefined,
  replace: readonly string[] | undefined,
): Registration {
  const both = workers?.find((name) => replace?.includes(name));
  if (both !== undefined) {
    throw new InvalidOption(
      `\`${both}\` is to use its code for Workers and to keep its code for Node, with other sockets; name it once`,
    );
  }
  const without = (names: readonly string[], others: readonly string[] = []): readonly string[] =>
    names.filter((name) => !others.includes(name));
  return {
    workers: workers ?? without(present.workers, replace),
    replace: replace ?? without(present.replace, workers),
  };
}

function namesIn(value: unknown, where: string): string[] {
  if (typeof value !== 'object' || value === null || !(Symbol.iterator in value)) {
    const such = `[${typeof value === 'string' ? JSON.stringify(value.slice(0, 80)) : "'pg'"}]`;
    throw new InvalidOption(`\`${where}\` must be an array of names of packages, such as ${such}`);
  }
  return Array.from(value as Iterable<unknown>, (item) => nameOf(item, where));
}

function nameOf(item: unknown, where: string): string {
  const name = typeof item === 'string' ? item.trim() : '';
  const [, own, beyond] = name.match(/^((?:@[^/@:\s]+\/)?[^/@:.\s][^/@:\s]*)(.*)$/) ?? [];
  if (own !== undefined && beyond === '') return name;
  const given = typeof item === 'string' ? JSON.stringify(name.slice(0, 80)) : typeof item;
  const instead = own === undefined ? "'pg' or '@scope/name'" : `'${own}'`;
  throw new InvalidOption(`\`${where}\` holds ${given}; name the package alone, such as ${instead}`);
}
