/**
 * `require()` on Node versions without `module.registerHooks`: their module hooks see `import` only. Two functions
 * of the CommonJS loader, undocumented but patched by so many that they no longer change, do the same for it.
 */
import { readFileSync } from 'node:fs';
import Module from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { isPgChoice, PG_SOCKETS, packageOf, withNavigator } from './packages.ts';

interface CommonJsLoader {
  _resolveFilename(this: unknown, request: string, ...rest: unknown[]): string;
  prototype: { _compile(this: unknown, source: string, filename: string, ...rest: unknown[]): unknown };
}

/** Gives `require()` what `resolveHook` and `loadHook` give. */
export function patchCommonJs(packages: ReadonlySet<string>): void {
  const loader = Module as unknown as CommonJsLoader;
  const { _resolveFilename } = loader;
  const { _compile } = loader.prototype;

  loader._resolveFilename = function (request, ...rest) {
    if (request === 'cloudflare:sockets') return fileURLToPath(new URL('./index.cjs', import.meta.url));
    const file = _resolveFilename.call(this, request, ...rest);
    return packages.has(packageOf(request)) ? (fileOnWorkers(request, file) ?? file) : file;
  };

  if (!packages.has(PG_SOCKETS)) return;
  loader.prototype._compile = function (source, filename, ...rest) {
    const text = isPgChoice(pathToFileURL(filename)) ? withNavigator(source) : source;
    return _compile.call(this, text, filename, ...rest);
  };
}

/** The file that `request` means with the condition `workerd`, given the file that it means without. */
function fileOnWorkers(request: string, file: string): string | undefined {
  const name = packageOf(request);
  for (let directory = dirname(file); directory !== dirname(directory); directory = dirname(directory)) {
    const manifest = readManifest(join(directory, 'package.json'));
    if (manifest?.name !== name) continue;
    const target = workerdTarget(manifest.exports, `.${request.slice(name.length)}`);
    return target === undefined ? undefined : join(directory, target);
  }
  return undefined;
}

function readManifest(path: string): { name?: unknown; exports?: unknown } | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

const CONDITIONS = new Set(['workerd', 'node', 'require', 'default']);

/** Looks `subpath` up in a package's `exports`. Exact subpaths only, no patterns: `_resolveFilename` does those. */
function workerdTarget(exports: unknown, subpath: string): string | undefined {
  if (typeof exports === 'string') return subpath === '.' ? exports : undefined;
  if (typeof exports !== 'object' || exports === null) return undefined;
  const hasSubpaths = Object.keys(exports).some((key) => key.startsWith('.'));
  return conditionalTarget(hasSubpaths ? (exports as Record<string, unknown>)[subpath] : exports);
}

function conditionalTarget(target: unknown): string | undefined {
  if (typeof target === 'string') return target;
  if (typeof target !== 'object' || target === null) return undefined;
  for (const [condition, inner] of Object.entries(target)) {
    const found = CONDITIONS.has(condition) ? conditionalTarget(inner) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}
