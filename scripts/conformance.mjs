import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { clauses } from '../__test__/conformance/clauses/index.mjs';
import { runSession, totals } from '../__test__/conformance/session.mjs';

const USAGE = `npm run conformance -- [options]

  --subject <module>  what to test: a package, a path, or "workerd" (default: wintersock)
  --only <prefix>     clauses whose id begins so
  --json <file>       write the results there
  --defect <name>     put a deliberate defect into the subject
  --list              print the clauses and run nothing
  --mutants           show for every clause what it was seen to fail against
  --report            run everything and write docs/conformance.md`;

const { values } = parseArgs({
  options: {
    subject: { type: 'string', default: 'wintersock' },
    only: { type: 'string', default: '' },
    json: { type: 'string' },
    defect: { type: 'string' },
    list: { type: 'boolean' },
    mutants: { type: 'boolean' },
    report: { type: 'boolean' },
    help: { type: 'boolean' },
  },
});

// So that what a run has started ends with it.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

const only = ({ id }) => id.startsWith(values.only);

if (values.help) console.log(USAGE);
else if (values.list) list();
else if (values.mutants || values.report) await report();
else await test();

function list() {
  for (const { id, source, says } of clauses.filter(only)) console.log(`${id}  [${source.label}]  ${says}`);
}

async function test() {
  const { subject, defect } = values;
  const results = await runSession({ subject, defect, only, tell: print });
  if (values.json) await writeFile(values.json, `${JSON.stringify({ subject, results }, null, 2)}\n`);
  const { pass, fail, 'n.a.': skipped } = totals(results);
  console.log(
    `\n${subject}: ${results.length} clauses, ${pass} pass, ${fail} fail, ${skipped} not applicable`,
  );
  process.exitCode = fail > 0 || results.length === 0 ? 1 : 0;
}

function print({ id, status, message }) {
  console.log(`${status.padEnd(4)}  ${id}${message ? `: ${message}` : ''}`);
}

async function report() {
  const { writeReport } = await import('../__test__/conformance/report.mjs');
  process.exitCode = await writeReport({ only, write: values.report === true, print: console.log });
}
