/**
 * `require()`. The hooks of `node:module` see it on some versions of Node only, and a `load` hook, where there is
 * one, makes others replace `require()` in modules that are imported. Two functions of the CommonJS loader do the
 * same everywhere: undocumented, but patched by so many that they no longer change.
 */
import Module from 'node:module';
import { fileURLToPath } from 'node:url';
import { fileOnWorkers, isOnWorkers, isPgChoice, PG_SOCKETS, withNavigator } from './packages.ts';

interface CommonJsLoader {
  _resolveFilename(this: unknown, request: string, ...rest: unknown[]): string;
  prototype: { _compile(this: unknown, source: string, filename: string, ...rest: unknown[]): unknown };
}

const CONDITIONS = ['node', 'require'];

/** Gives `require()` what the hooks give `import`, and pg the sight of Workers. */
export function patchCommonJs(packages: ReadonlySet<string>): void {
  const loader = Module as unknown as CommonJsLoader;
  const { _resolveFilename } = loader;
  const { _compile } = loader.prototype;

  loader._resolveFilename = function (request, ...rest) {
    if (request === 'cloudflare:sockets') return fileURLToPath(new URL('./index.cjs', import.meta.url));
    const file = _resolveFilename.call(this, request, ...rest);
    return isOnWorkers(request, packages) ? (fileOnWorkers(request, file, CONDITIONS) ?? file) : file;
  };

  if (!packages.has(PG_SOCKETS)) return;
  loader.prototype._compile = function (source, filename, ...rest) {
    const text = isPgChoice(filename) ? withNavigator(source) : source;
    return _compile.call(this, text, filename, ...rest);
  };
}
