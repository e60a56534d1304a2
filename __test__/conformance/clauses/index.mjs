import { addressObject } from './address-object.mjs';
import { addressString } from './address-string.mjs';
import { backpressure } from './backpressure.mjs';
import { certificates } from './certificates.mjs';
import { close } from './close.mjs';
import { closeStates } from './close-states.mjs';
import { connecting } from './connect.mjs';
import { errors } from './errors.mjs';
import { failure } from './failure.mjs';
import { halfOpen } from './half-open.mjs';
import { idl } from './idl.mjs';
import { lifetime } from './lifetime.mjs';
import { names } from './names.mjs';
import { options } from './options.mjs';
import { readable } from './readable.mjs';
import { readableEnd } from './readable-end.mjs';
import { reset } from './reset.mjs';
import { signal } from './signal.mjs';
import { startTls } from './starttls.mjs';
import { handover } from './starttls-handover.mjs';
import { tls } from './tls.mjs';
import { writable } from './writable.mjs';
import { writableEnd } from './writable-end.mjs';

/** Every clause, in the order of the document. */
export const clauses = [
  idl,
  addressString,
  addressObject,
  options,
  connecting,
  failure,
  errors,
  close,
  closeStates,
  readable,
  readableEnd,
  writable,
  writableEnd,
  backpressure,
  halfOpen,
  reset,
  tls,
  names,
  certificates,
  startTls,
  handover,
  signal,
  lifetime,
].flat();
