import { createRequire } from 'node:module';
import { isAbsolute, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

/**
 * Loads what is tested: a package name, a path or a URL. A name is looked up from the working directory too.
 * @param {string} specifier
 * @param {string | undefined} defect the name of a deliberate defect to put into it
 */
export async function loadSubject(specifier, defect) {
  const loaded = await load(specifier);
  const { connect, SocketError, Socket } = loaded.connect ? loaded : (loaded.default ?? {});
  if (typeof connect !== 'function') throw new Error(`${specifier} does not export connect()`);
  const subject = { connect, SocketError, Socket };
  if (!defect) return subject;
  const { defects } = await import('../defects/index.mjs');
  const found = defects.find(({ name }) => name === defect);
  if (!found) throw new Error(`no defect ${defect}`);
  return { ...subject, ...(await found.apply(subject)) };
}

async function load(specifier) {
  if (specifier.startsWith('.') || isAbsolute(specifier))
    return import(pathToFileURL(resolve(specifier)).href);
  try {
    return await import(specifier);
  } catch (error) {
    if (error?.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    const found = createRequire(resolve('from-here.js')).resolve(specifier);
    return import(pathToFileURL(found).href);
  }
}
