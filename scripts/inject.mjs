/**
 * npm run test:inject: bugs and failing calls of the system, at every point of the native half where there can be one. Builds the addon with
 * the feature `inject`, in a mirror of the checkout.
 */
import { parseArgs } from 'node:util';
import { pointsOfTheCode } from '../__test__/inject/points.mjs';
import { startPeers } from '../__test__/inject/peers.mjs';
import { sweep } from '../__test__/inject/sweep.mjs';
import { nodeExecutable, nodeMajors } from './node-versions.mjs';
import { writeSection } from './section.mjs';
import { makeVariant } from './variant.mjs';

const help = `Usage: npm run test:inject -- [options]

  --quick         one scenario for each point, on this Node
  --node <list>   versions of Node, as 20,22 (default: ${nodeMajors.join(',')})
  --io <list>     direct, thread, ahead (default: all)
  --only <name>   points whose name begins so
  --write         put the result into docs/reliability.md`;

const { values } = parseArgs({
  options: {
    help: { type: 'boolean' },
    quick: { type: 'boolean', default: false },
    node: { type: 'string' },
    io: { type: 'string', default: 'direct,thread,ahead' },
    only: { type: 'string', default: '' },
    write: { type: 'boolean' },
  },
});

if (values.help) console.log(help);
else process.exitCode = await main();

async function main() {
  const { quick, only } = values;
  const own = Number.parseInt(process.versions.node, 10);
  const majors = values.node?.split(',').map(Number) ?? (quick ? [own] : nodeMajors);
  const variant = await makeVariant('inject', {
    profile: 'dev',
    defaultFeatures: false,
    features: ['ring', 'inject'],
  });
  const peers = await startPeers();
  /** @type {string[]} */
  const failures = [];
  /** @type {Map<string, { panic: Set<string>, system: Set<string> }>} */
  const seen = new Map();
  let passed = 0;
  const unreached = new Set(pointsOfTheCode().flatMap(({ name }) => (name.startsWith(only) ? [name] : [])));
  try {
    for (const major of majors) {
      const node = await nodeExecutable(major);
      for (const io of values.io.split(',')) {
        console.log(`\n=== Node ${major}, I/O ${io}`);
        const options = {
          node,
          io,
          places: peers.places,
          quick,
          only,
          log: (/** @type {string} */ line) => console.log(line),
        };
        const swept = await sweep(variant, options);
        passed += swept.passed;
        for (const name of swept.reached) unreached.delete(name);
        failures.push(...swept.failures.map((failure) => `Node ${major}, ${io}: ${failure}`));
        for (const [name, { panic, system }] of swept.seen) {
          const all = seen.get(name) ?? { panic: new Set(), system: new Set() };
          seen.set(name, {
            panic: all.panic.union?.(panic) ?? new Set([...all.panic, ...panic]),
            system: new Set([...all.system, ...system]),
          });
        }
        console.log(`${swept.passed} passed, ${swept.failures.length} failed`);
      }
    }
  } finally {
    await peers.stop();
  }
  for (const name of unreached) failures.push(`${name}: no scenario fails there`);
  void writeSection;
  for (const failure of failures) console.log(`FAILED ${failure}`);
  console.log(`\n${passed} passed, ${failures.length} failed`);
  return failures.length === 0 ? 0 : 1;
}
