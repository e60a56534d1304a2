/**
 * `require()`. The hooks of `node:module` see it on some versions of Node only, and a `load` hook, where there is
 * one, makes others replace `require()` in modules that are imported. Three functions of the CommonJS loader do the
 * same everywhere: undocumented, but patched by so many that they no longer change.
 */
import Module from 'node:module';
import { isAbsolute } from 'node:path';
import { fileURLToPath } from 'node:url';
import { replacementFor } from './modules.ts';
import type { Registry } from './registration.ts';
import { withNavigator } from './workers.ts';

/** A module as the loader knows it. */
interface Parent {
  filename?: string | null;
}

interface CommonJsLoader {
  _load(this: unknown, request: string, parent?: Parent | null, ...rest: unknown[]): unknown;
  _resolveFilename(this: unknown, request: string, parent?: Parent | null, ...rest: unknown[]): string;
  prototype: { _compile(this: unknown, source: string, filename: string, ...rest: unknown[]): unknown };
}

const CONDITIONS = ['node', 'require'];
const loader = Module as unknown as CommonJsLoader;

/** Loads a module of ours. */
export function requireOurs(name: string): unknown {
  return loader._load(pathOf(name), null, false);
}

/** Gives `require()` what the hooks give `import`, and pg the sight of Workers. */
export function patchCommonJs(registry: Registry): void {
  const { _load, _resolveFilename } = loader;
  const { _compile } = loader.prototype;

  loader._load = function (request, parent, ...rest) {
    // Built-in modules have no file: there is nothing to resolve them to.
    const name = replacementFor(request);
    const isReplaced = name && parent?.filename && registry.replaced.has(parent.filename);
    return isReplaced ? requireOurs(`${name}.cjs`) : _load.call(this, request, parent, ...rest);
  };

  loader._resolveFilename = function (request, parent, ...rest) {
    const { workers } = registry;
    const importer = parent?.filename;
    const internal = importer && request.startsWith('#') && workers.internal(request, importer, CONDITIONS);
    const specifier = internal || request;
    if (specifier === 'cloudflare:sockets') return pathOf('index.cjs');
    if (internal && isAbsolute(internal)) return internal;
    if (!workers.has(specifier)) return _resolveFilename.call(this, specifier, parent, ...rest);
    let file: string;
    try {
      file = _resolveFilename.call(this, specifier, parent, ...rest);
    } catch (error) {
      const found = importer && workers.fileFrom(specifier, importer, CONDITIONS);
      if (found) return found;
      throw error;
    }
    return workers.fileFor(specifier, file, CONDITIONS) ?? file;
  };

  loader.prototype._compile = function (source, filename, ...rest) {
    const text = registry.workers.seesNavigator(filename) ? withNavigator(source) : source;
    return _compile.call(this, text, filename, ...rest);
  };
}

function pathOf(name: string): string {
  return fileURLToPath(new URL(`./${name}`, import.meta.url));
}
