import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { clauses } from './clauses/index.mjs';
import { defects } from './defects/index.mjs';
import { gather, SUBJECTS } from './evidence.mjs';
import { totals } from './session.mjs';

const DOCUMENT = new URL('../../docs/conformance.md', import.meta.url);

/**
 * Gathers the evidence, prints what lacks, and writes the document if `write` says so.
 *
 * @returns {Promise<number>} the exit code: 1 if a clause was never seen to fail, or a defect was not noticed
 */
export async function writeReport({ only, write, print }) {
  const found = await gather({ only, print });
  const ours = found.results.get(SUBJECTS[0]);
  for (const [id, against] of found.seen) print(`${id}: ${against.join(', ') || 'NEVER SEEN TO FAIL'}`);
  // What cannot be asked on this Node cannot be seen to fail on it either.
  const unseen = [...found.seen].filter(([id, against]) => !against.length && ours.get(id).status !== 'n.a.');
  for (const [id] of unseen) print(`never seen to fail: ${id}`);
  for (const name of found.unnoticed) print(`not noticed by any clause: the defect ${name}`);
  print(
    `\n${found.seen.size} clauses, ${unseen.length} never seen to fail, ${found.unnoticed.length} defects unnoticed`,
  );
  if (write) await writeFile(DOCUMENT, document(found));
  return unseen.length || found.unnoticed.length || !ours ? 1 : 0;
}

function document({ results, seen, broken }) {
  const lines = [
    '# Conformance',
    '',
    '<!-- Written by `npm run conformance -- --report`. Do not edit. -->',
    '',
    'Every clause of the [WinterTC Sockets API draft](https://sockets-api.proposal.wintertc.org/), of the standards it',
    'leans on, and of our own rulings where the draft is silent, stated once and asked of three implementations. A ruling',
    'is marked as one: that another implementation decided otherwise is no fault of its own.',
    '',
    `| | clauses | pass | fail | n.a. |`,
    '| --- | ---: | ---: | ---: | ---: |',
    ...SUBJECTS.map((subject) => total(subject, [...(results.get(subject)?.values() ?? [])])),
    '',
    ...SUBJECTS.map((subject) => standardOnly(subject, results.get(subject))),
    '',
    ...REMARKS,
    ...broken.map((line) => `Not run: ${line}.\n`),
    `Run with Node ${process.versions.node} on ${process.platform} ${process.arch}. "n.a." means that the question makes`,
    'no sense there: it needs a Node process, or a version of Node that has what is asked about.',
    '',
    ...HOW,
    '## Clauses',
    '',
    '"Seen to fail" names what the clause was seen to fail against: another implementation, or deliberate defects put into',
    'ours, which are listed at the end. A clause that nothing fails would be no test.',
    '',
  ];
  for (const [topic, group] of grouped(clauses)) {
    lines.push(`### ${topic}`, '', HEAD, RULE);
    for (const clause of group) lines.push(row(clause, results, seen.get(clause.id) ?? []));
    lines.push('');
  }
  lines.push('## Defects', '', '| defect | what is wrong |', '| --- | --- |');
  for (const { name, says } of defects) lines.push(`| ${name} | ${cell(says)} |`);
  return `${lines.join('\n')}\n`;
}

const HEAD =
  '| clause | what it says | source | wintersock | @arrowood.dev/socket | workerd | seen to fail |';
const RULE = '| --- | --- | --- | --- | --- | --- | --- |';

const REMARKS = [
  'What the others fail is not always a fault of theirs. @arrowood.dev/socket follows an earlier draft, without `opened`:',
  'clauses about what `opened` resolves or rejects with fail there. Errors of a connection are no TypeErrors in workerd,',
  'and `alpn`, `sni` and most options of `startTls()` have no effect there. `--json` writes down why each clause failed.',
  '',
];

const HOW = [
  '## Run it',
  '',
  '```sh',
  'npm run conformance                                   # wintersock',
  'npm run conformance -- --subject ./my-sockets.mjs     # any module that exports connect()',
  'npm run conformance -- --subject workerd              # inside a worker',
  'npm run conformance -- --only starttls. --json out.json',
  'npm run conformance -- --list',
  'npm run conformance -- --mutants                      # what each clause was seen to fail against',
  '```',
  '',
  'The exit code is 1 if a clause fails. Each clause has a deadline and runs in a child process that is replaced when it',
  'hangs or dies, so that the run always ends.',
  '',
  '**Another runtime** needs two small files; `runners/workerd.mjs` and `runners/workerd-worker.mjs` in',
  '`__test__/conformance` are the example. The bodies of the clauses use nothing but what every runtime has. In the',
  'runtime: import `clauses/index.mjs` and `clause.mjs`, call `run(clause, { subject: { connect }, control, strays })`,',
  'where `control(operation, args)` posts JSON to the address that `PeerHost.serve()` returned, and `strays` collects',
  'unhandled rejections. Outside, in Node: start `PeerHost` (the scripted TCP and TLS peers), start the runtime with the',
  'authority `host.certificates.trusted` trusted, and send it one clause id at a time. Clauses with `node: true` are left',
  'out there.',
  '',
];

function total(subject, told) {
  const { pass, fail, 'n.a.': skipped } = totals(told);
  return `| ${subject} ${version(subject)} | ${told.length} | ${pass} | ${fail} | ${skipped} |`;
}

function standardOnly(subject, told) {
  const standard = clauses.filter(({ source }) => !source.label.startsWith('ruling'));
  const { pass } = totals(standard.map(({ id }) => told?.get(id) ?? {}));
  return `- ${subject}: ${pass} of the ${standard.length} clauses that are no rulings of ours pass.`;
}

function row({ id, says, source }, results, against) {
  const marks = SUBJECTS.map((subject) => results.get(subject)?.get(id)?.status ?? 'not run');
  return `| \`${id}\` | ${cell(says)} | [${source.label}](${source.link}) | ${marks.join(' | ')} | ${shortened(against)} |`;
}

function shortened(names) {
  const kept = names.slice(0, 4).join(', ');
  return names.length > 4 ? `${kept} and ${names.length - 4} more` : kept || 'not asked';
}

const cell = (text) => text.replaceAll('|', '\\|');
const topicOf = ({ id }) => id.split('.')[0];

function grouped(list) {
  const groups = new Map();
  for (const clause of list) groups.set(topicOf(clause), [...(groups.get(topicOf(clause)) ?? []), clause]);
  return groups;
}

function version(subject) {
  const inner =
    subject === 'wintersock' ? '../../package.json' : `../../node_modules/${subject}/package.json`;
  return JSON.parse(readFileSync(new URL(inner, import.meta.url), 'utf8')).version;
}
