import { defineConfig } from 'tsdown';

// Declarations are written by hand (index.d.ts, register.d.ts, cloudflare-sockets.d.ts) and the code is checked
// against them, so none are generated. scripts/finish-dist.mjs adds the files that are not compiled.
const common = {
  outDir: 'dist',
  dts: false,
  clean: true,
  hash: false,
  target: 'node20.17',
  platform: 'node',
  deps: { neverBundle: [/^cloudflare:/, 'wintersock', /\.node$/, /^wintersock-/] },
  failOnWarn: true,
} as const;

export default defineConfig([
  // CommonJS bundles, with what they have in common beside them, hold the classes. The .mjs files that scripts/finish-dist.mjs
  // writes re-export them, so import and require share them.
  {
    ...common,
    entry: { index: 'lib/index.ts', node: 'lib/node.ts', net: 'lib/shim/net.ts', tls: 'lib/shim/tls.ts' },
    format: 'cjs',
    outExtensions: () => ({ js: '.cjs' }),
    // Where the bundler would put its own few functions, all would load what only some need.
    outputOptions: { codeSplitting: { groups: [{ name: 'runtime', test: /rolldown\/runtime/ }] } },
  },
  {
    ...common,
    entry: {
      register: 'lib/register.ts',
      'register-thread': 'lib/register/thread.ts',
      command: 'lib/command.ts',
    },
    format: 'esm',
    outExtensions: () => ({ js: '.mjs' }),
  },
  // What the export condition `workerd` gives: it runs on Workers, so nothing of Node may get in.
  {
    ...common,
    platform: 'neutral',
    target: 'es2023',
    entry: { workerd: 'lib/workerd.ts' },
    format: 'esm',
    outExtensions: () => ({ js: '.mjs' }),
  },
]);
