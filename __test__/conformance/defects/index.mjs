import { addresses } from './addresses.mjs';
import { errorDefects } from './errors.mjs';
import { interfaces } from './interface.mjs';
import { life } from './life.mjs';
import { options } from './options.mjs';
import { processes } from './process.mjs';
import { readables } from './readable.mjs';
import { secures } from './secure.mjs';
import { writables } from './writable.mjs';

/** Every defect: what a clause was seen to fail against. */
export const defects = [
  interfaces,
  addresses,
  options,
  errorDefects,
  life,
  readables,
  writables,
  secures,
  processes,
].flat();
