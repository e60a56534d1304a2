import { addressObject } from './address-object.mjs';
import { addressString } from './address-string.mjs';
import { connecting } from './connect.mjs';
import { idl } from './idl.mjs';
import { options } from './options.mjs';

/** Every clause, in the order of the document. */
export const clauses = [idl, addressString, addressObject, options, connecting].flat();
