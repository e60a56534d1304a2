// Takes the place of tests/test.js of postgres.js, with the same exports and the same order. It writes down how each test
// ends, and ends the process with the first that fails: the next process goes on behind it, with a clean database.
import { appendFileSync } from 'node:fs';
import util from 'node:util';

const { report, skip, only } = JSON.parse(process.env.WINTERSOCK_SUITE);
const tell = (event) => appendFileSync(report, `${JSON.stringify(event)}\n`);

/** Their timeouts are for a machine that has nothing else to do. */
const PATIENCE = 4;

let registered = 0;
let over = Promise.resolve();
let done = 0;

export const nt = () => {};
export const ot = (...test) => t(...test);
export const t = (name, ...rest) => {
  const index = registered++;
  const [options, body] = rest.length > 1 ? rest : [{}, rest[0]];
  over = over
    .then(() => (index < skip || !name.includes(only) ? undefined : run(index, name, options, body)))
    .then(() => {
      if (++done === registered) tell({ event: 'end' });
    });
};
t.timeout = 5;

async function run(index, name, options, body) {
  tell({ event: 'start', index, name });
  let timer;
  try {
    const late = new Promise((_, reject) => {
      timer = setTimeout(
        () => reject(new Error('Timed out')),
        (options.timeout ?? t.timeout) * 1000 * PATIENCE,
      );
    });
    const [expected, got] = await Promise.race([late, body().then((pair) => Promise.all(pair))]);
    if (expected !== got) throw new Error(`${util.inspect(expected)} != ${util.inspect(got)}`);
    tell({ event: 'pass', index });
  } catch (error) {
    tell({ event: 'fail', index, why: util.inspect(error) });
    process.exit(1);
  } finally {
    clearTimeout(timer);
  }
}
