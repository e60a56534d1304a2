/** Which certificates are accepted: by the sockets of connect(), by those of wintersock/node, and by node:tls. */
import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { nodeVerdicts, plantTree, type Tree } from './certificates/case.ts';
import { ACCEPTED, verdicts } from './certificates/clients.ts';
import { documentWith, groups } from './certificates/document.ts';

const PAGE = '../docs/certificates.md';
/** Whether a code is about the certificate alone, so that it can be let through. Who cannot prove that it is his own is refused. */
const isOfCertificate = (code: string): boolean =>
  /^(?:CERT_HAS|CERT_NOT|DEPTH_|SELF_|UNABLE_|INVALID_PURPOSE|ERR_TLS_CERT_)/.test(code);
const all = Object.values(groups).flat();

let tree: Tree;
beforeAll(async () => {
  tree = await plantTree();
});

describe.each(Object.entries(groups))('%s', (_, cases) => {
  test.concurrent.each(cases)('$title: $ours', { timeout: 60_000 }, async (row) => {
    const { web, bound, duplex, unverified, node } = await verdicts(await row.make(tree));
    expect(web.code, web.message).toBe(row.ours);
    expect(bound.code, bound.message).toBe(row.ours);
    expect(duplex.code, duplex.message).toBe(row.duplex ?? row.ours);
    expect(unverified.code, unverified.message).toBe(row.duplex ?? row.ours);
    expect(unverified.message === '', unverified.message).toBe(
      row.ours === ACCEPTED || (isOfCertificate(row.ours) && !row.isUnreadable),
    );
    expect(nodeVerdicts(row.node), node.message).toContain(node.code);
    if (row.ours === ACCEPTED) return;
    for (const { message } of [web, bound]) expect(message).toMatch(row.says ?? 'a reason');
  });
});

test('there are enough of them, each once', () => {
  expect(all.length).toBeGreaterThanOrEqual(80);
  const titles = Object.entries(groups).flatMap(([heading, cases]) =>
    cases.map(({ title }) => `${heading}: ${title}`),
  );
  expect(new Set(titles).size).toBe(titles.length);
});

test('whatever is refused has a reason that the message names', () => {
  const silent = all.filter(({ ours, says }) => (ours === ACCEPTED) === (says !== undefined));
  expect(silent.map(({ title }) => title)).toEqual([]);
});

test('a difference from node:tls is explained, and nothing else is', () => {
  const unexplained = all.filter(({ ours, node, why }) => (node === ours) === (why !== undefined));
  expect(unexplained.map(({ title }) => title)).toEqual([]);
});

test('docs/certificates.md has the table', async () => {
  // Where it has not: `npx vitest run __test__/certificates.test.ts --update` writes it.
  const page = await readFile(new URL(PAGE, import.meta.url), 'utf8');
  await expect(documentWith(page)).toMatchFileSnapshot(PAGE);
});
