/** docs/drivers.md and the recipes in examples/drivers/: the page shows each as it is, each is short, and each is run by a test. */
import { readdirSync, readFileSync } from 'node:fs';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';

const PAGE = 'docs/drivers.md';
const RECIPES = 'examples/drivers';
const TESTS = '__test__';

const read = (path: string): string => readFileSync(path, 'utf8');
const page = read(PAGE);
const recipes = readdirSync(RECIPES).toSorted();
const blocks = [...page.matchAll(/^```js\n([\s\S]*?)^```$/gm)].map(([, code = '']) => code);
const tests = readdirSync(TESTS, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts') && name !== 'recipes.test.ts')
  .map((name) => read(`${TESTS}/${name}`));

/**
 * The lines that join a client with wintersock: the imports of wintersock, and what its names are used in, which is an option
 * given to the client, or else a whole statement.
 */
function wiring(source: string): number[] {
  const file = ts.createSourceFile('recipe.mjs', source, ts.ScriptTarget.Latest, true);
  const names = new Set<string>();
  const lines = new Set<number>();
  const mark = (node: ts.Node) => {
    const line = (position: number) => file.getLineAndCharacterOfPosition(position).line;
    for (let at = line(node.getStart()); at <= line(node.getEnd()); at++) lines.add(at + 1);
  };
  for (const statement of file.statements) {
    if (!ts.isImportDeclaration(statement)) continue;
    if (!/^['"]wintersock(?:\/|['"])/.test(statement.moduleSpecifier.getText())) continue;
    mark(statement);
    const { namedBindings, name } = statement.importClause ?? {};
    if (name) names.add(name.text);
    if (namedBindings && ts.isNamedImports(namedBindings)) {
      for (const element of namedBindings.elements) names.add(element.name.text);
    } else if (namedBindings) names.add(namedBindings.name.text);
  }
  const visit = (node: ts.Node, unit: ts.Node, inFunction: boolean) => {
    if (ts.isIdentifier(node) && names.has(node.text) && !isPropertyName(node)) mark(unit);
    const isOption = !inFunction && ts.isPropertyAssignment(node);
    const within = inFunction || ts.isFunctionLike(node);
    node.forEachChild((child) => visit(child, isOption ? node : unit, within));
  };
  for (const statement of file.statements) {
    if (!ts.isImportDeclaration(statement)) visit(statement, statement, false);
  }
  return [...lines];
}

/** `name` in `{ name: value }` and in `object.name`, but not in `{ name }`. */
function isPropertyName({ parent, text }: ts.Identifier): boolean {
  if (ts.isPropertyAccessExpression(parent)) return parent.name.text === text;
  if (ts.isPropertyAssignment(parent) || ts.isMethodDeclaration(parent))
    return parent.name.getText() === text;
  return false;
}

test('the lines that join a client with wintersock are counted', () => {
  const importing = "import { connect } from 'wintersock';\nimport { Client } from 'client';\n";
  expect(wiring(`${importing}new Client(8,\n{ host: 1,\n connect,\n port: 2 });\n`)).toEqual([1, 3, 4, 5, 6]);
  expect(wiring(`${importing}new Client({\n host: 1,\n socket: () =>\n connect(),\n});\n`)).toEqual([
    1, 5, 6,
  ]);
  expect(wiring(`${importing}const make = () => {\n return connect();\n};\nnew Client({ make });`)).toEqual([
    1, 3, 4, 5,
  ]);
  expect(wiring(`${importing}client.connect({ connect: 1 });`)).toEqual([1]);
});

test('the page shows recipes and nothing else', () => {
  expect(blocks.toSorted()).toEqual(recipes.map((name) => read(`${RECIPES}/${name}`)).toSorted());
});

test('there are as many as there are clients', () => {
  expect(recipes.length).toBeGreaterThanOrEqual(20);
});

describe.each(recipes)('%s', (name) => {
  const source = read(`${RECIPES}/${name}`);

  test('joins the client with wintersock in at most five lines', () => {
    const lines = wiring(source);
    const byCommand = /^\/\/ .*node --import wintersock\/register /.test(source);
    expect(lines.length > 0 || byCommand).toBe(true);
    expect(lines.length).toBeLessThanOrEqual(5);
  });

  test('is run by a test, as it is', () => {
    const client = name.replace('.mjs', '');
    const runs = (text: string): boolean =>
      text.includes(`${RECIPES}/${name}`) ||
      new RegExp(`\\b(?:recipe|testRecipe)\\(\\s*'${client}(?:\\.mjs)?'`).test(text) ||
      (text.includes(`.prepare('${client}'`) && text.includes('.recipe('));
    expect(tests.filter(runs)).not.toEqual([]);
  });

  test('has its way and its server named in the table', () => {
    const link = `[${name.replace('.mjs', '')}](#`;
    expect(page.split('\n').filter((line) => line.startsWith('|') && line.includes(link))).toHaveLength(1);
  });
});
