import { addressObject } from './address-object.mjs';
import { addressString } from './address-string.mjs';
import { backpressure } from './backpressure.mjs';
import { close } from './close.mjs';
import { connecting } from './connect.mjs';
import { failure } from './failure.mjs';
import { halfOpen } from './half-open.mjs';
import { idl } from './idl.mjs';
import { options } from './options.mjs';
import { readable } from './readable.mjs';
import { reset } from './reset.mjs';
import { writable } from './writable.mjs';

/** Every clause, in the order of the document. */
export const clauses = [
  idl,
  addressString,
  addressObject,
  options,
  connecting,
  failure,
  close,
  readable,
  writable,
  backpressure,
  halfOpen,
  reset,
].flat();
