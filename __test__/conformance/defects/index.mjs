import { addresses } from './addresses.mjs';
import { closes } from './close.mjs';
import { errorDefects } from './errors.mjs';
import { interfaces } from './interface.mjs';
import { life } from './life.mjs';
import { options } from './options.mjs';
import { processes } from './process.mjs';
import { readables } from './readable.mjs';
import { secures } from './secure.mjs';
import { upgrades } from './starttls.mjs';
import { writables } from './writable.mjs';
import { writableEnds } from './writable-end.mjs';

/** Every defect: what a clause was seen to fail against. */
export const defects = [
  interfaces,
  addresses,
  options,
  errorDefects,
  closes,
  life,
  readables,
  writables,
  writableEnds,
  secures,
  upgrades,
  processes,
].flat();
