/**
 * Completes dist/ after tsdown: the ESM face of the CommonJS bundle, and the declarations for `require`.
 */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';

const root = new URL('..', import.meta.url);
const dist = new URL('dist/', root);

// Named by hand: what Node guesses from a CommonJS file is not something to build a public API on, and
// `export *` would add a `default` and whatever the bundler defines.
const names = ['Socket', 'SocketError', 'connect'];

writeFileSync(
  new URL('index.mjs', dist),
  `import { createRequire } from 'node:module';

// The classes live in the CommonJS bundle, so \`import\` and \`require\` share them. It is required, not imported:
// when an imported CommonJS module throws, as without a native binary, Node 20 ends the process even if that is caught.
const wintersock = createRequire(import.meta.url)('./index.cjs');

export const { ${names.join(', ')} } = wintersock;
`,
);

// The same text serves both: TypeScript tells the module system from the extension.
copyFileSync(new URL('index.d.ts', root), new URL('index.d.cts', dist));

// The bundle is not loaded for this check: the native addon may not be built yet.
const bundle = readFileSync(new URL('index.cjs', dist), 'utf8');
const missing = names.filter((name) => !bundle.includes(`exports.${name} = ${name};`));
if (missing.length > 0) {
  throw new Error(`dist/index.cjs does not export ${missing.join(', ')}`);
}
