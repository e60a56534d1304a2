/** The table as docs/certificates.md has it. */
import type { Case, NodeVerdict } from './case.ts';
import { authorities, constraints } from './constraints.ts';
import { crosses, times, trust } from './chains.ts';
import { ACCEPTED, ENDED } from './clients.ts';
import { keys, purposes, signatures } from './keys.ts';
import { names } from './names.ts';
import { clientCertificates, hosts, protocols, versions } from './sessions.ts';

/** Each group under its heading. */
export const groups: Record<string, readonly Case[]> = {
  Times: times,
  Names: names,
  Trust: trust,
  'An authority with two certificates': crosses,
  'What authorities may do': authorities,
  'Name constraints of an authority': constraints,
  'Keys of servers': keys,
  'Signatures of authorities': signatures,
  'What a certificate is for': purposes,
  'Certificates of clients': clientCertificates,
  'Versions of TLS': versions,
  ALPN: protocols,
  'A server with several certificates': hosts,
};

const BEGIN = '<!-- table: generated from __test__/certificates/ -->\n';
const END = '<!-- end of the table -->\n';

/** The page with the table as it has to be. */
export function documentWith(page: string): string {
  const [before, after] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (before < 0 || after < 0) throw new Error('the page has lost the marks around its table');
  return `${page.slice(0, before + BEGIN.length)}\n${Object.entries(groups).map(section).join('\n')}\n${page.slice(after)}`;
}

function section([heading, cases]: [string, readonly Case[]]): string {
  const rows = cases.map(({ title, ours, duplex, node, why = '' }) => {
    const mine = `${shown(ours)}${duplex === undefined ? '' : `; \`wintersock/node\`: ${duplex}`}`;
    return `| ${title} | ${mine} | ${nodeShown(node)} | ${why} |\n`;
  });
  return `### ${heading}\n\n| case | wintersock | node:tls | why |\n| --- | --- | --- | --- |\n${rows.join('')}`;
}

const shown = (code: string): string => (code === ACCEPTED || code === ENDED ? code : `\`${code}\``);

/** Without backticks: what is Node's only, and in no table of ours. */
function nodeShown(node: NodeVerdict): string {
  if (typeof node === 'string') return node;
  return Object.entries(node)
    .map(([since, code], index) => (index === 0 ? code : `from Node ${since} on ${code}`))
    .join('; ');
}
