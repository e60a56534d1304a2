/** The hooks for `node:module`. `resolve` serves both of its interfaces: it passes on what `nextResolve` returns. */
import { readFileSync } from 'node:fs';
import { isPgChoice, packageOf, withNavigator } from './packages.ts';

/** What a `resolve` hook answers, or passes on. */
export interface Resolved {
  url: string;
  format?: string | null | undefined;
  shortCircuit?: boolean | undefined;
}

/** What a `load` hook answers, or passes on. */
export interface Loaded {
  format?: string | null | undefined;
  source?: string | ArrayBuffer | NodeJS.TypedArray | null | undefined;
  shortCircuit?: boolean | undefined;
}

interface ResolveContext {
  conditions: readonly string[];
  parentURL?: string | undefined;
}

type Next<Context, Result> = (specifier: string, context?: Context) => Result;

/** The hook that gives `cloudflare:sockets`, and the condition `workerd` to the packages named. */
export function resolveHook(packages: ReadonlySet<string>) {
  return <Result>(
    specifier: string,
    context: ResolveContext,
    nextResolve: Next<ResolveContext, Result>,
  ): Resolved | Result => {
    if (specifier === 'cloudflare:sockets') {
      const file = context.conditions.includes('import') ? './index.mjs' : './index.cjs';
      return { url: new URL(file, import.meta.url).href, shortCircuit: true };
    }
    if (packages.has(packageOf(specifier))) {
      return nextResolve(specifier, { ...context, conditions: ['workerd', ...context.conditions] });
    }
    return nextResolve(specifier, context);
  };
}

/** The hook that shows pg, and nobody else, the navigator of Workers. For synchronous hooks only. */
export function loadHook<Context>(url: string, context: Context, nextLoad: Next<Context, Loaded>): Loaded {
  const loaded = nextLoad(url, context);
  if (!isPgChoice(url)) return loaded;
  const source = loaded.source ?? readFileSync(new URL(url));
  const text = typeof source === 'string' ? source : new TextDecoder().decode(source);
  return { ...loaded, source: withNavigator(text) };
}
