/**
 * Completes dist/ after tsdown: the ESM faces of the CommonJS bundles, and the declarations for `require`.
 */
import { readFileSync, writeFileSync } from 'node:fs';

const root = new URL('..', import.meta.url);
const dist = new URL('dist/', root);

/**
 * The names of each. By hand: what Node guesses from a CommonJS file is not something to build a public API on, and `export *` would add
 * a `default` and whatever the bundler defines. `over`: what stands in for a module of Node has its other names, and is its default.
 * @type {Record<string, { names: string[], over?: string }>}
 */
const bundles = {
  index: { names: ['Socket', 'SocketError', 'connect', 'createBinding', 'presets', 'setDefaultBinding'] },
  node: { names: ['PostgresSocket', 'Socket', 'createConnection', 'toDuplex'] },
  net: { names: ['Socket', 'Stream', 'connect', 'createConnection'], over: 'node:net' },
  tls: { names: ['TLSSocket', 'connect', 'createSecureContext'], over: 'node:tls' },
};

for (const [bundle, { names, over }] of Object.entries(bundles)) {
  writeFileSync(
    new URL(`${bundle}.mjs`, dist),
    `import { createRequire } from 'node:module';

// The classes live in the CommonJS bundle, so \`import\` and \`require\` share them. It is required, not imported:
// when an imported CommonJS module throws, as without a native binary, Node 20 ends the process even if that is caught.
const bundle = createRequire(import.meta.url)('./${bundle}.cjs');

${over === undefined ? '' : `export * from '${over}';\nexport default bundle;\n`}export const { ${names.join(', ')} } = bundle;
`,
  );

  // The bundle is not loaded for this check: the native addon may not be built yet.
  if (over !== undefined) continue;
  const text = readFileSync(new URL(`${bundle}.cjs`, dist), 'utf8');
  const missing = names.filter((name) => !text.includes(`exports.${name} = `));
  if (missing.length > 0) throw new Error(`dist/${bundle}.cjs does not export ${missing.join(', ')}`);
}

// The same text serves both: TypeScript tells the module system from the extension.
for (const name of ['index', 'node']) {
  const text = readFileSync(new URL(`${name}.d.ts`, root), 'utf8');
  writeFileSync(new URL(`${name}.d.cts`, dist), text.replace("'./index.d.ts'", "'./index.d.cts'"));
}
