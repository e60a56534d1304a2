import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clauses } from './conformance/clauses/index.mjs';
import { openSession, type Session } from './conformance/session.mjs';

let session: Session;

beforeAll(async () => {
  session = await openSession({ subject: 'wintersock' });
});

afterAll(() => session.close());

test('there are at least 200 clauses, each with an id and a sentence of its own', () => {
  expect(clauses.length).toBeGreaterThanOrEqual(200);
  expect(new Set(clauses.map(({ id }) => id)).size).toBe(clauses.length);
  expect(new Set(clauses.map(({ id, says }) => `${id.split('.')[0]} ${says}`)).size).toBe(clauses.length);
});

describe('wintersock', () => {
  // A clause has a deadline of its own and ends by it; this one is for the runner.
  const patience = 30_000;

  for (const clause of clauses) {
    test(`${clause.id}: ${clause.says}`, { timeout: patience }, async (context) => {
      const { status, message } = await session.run(clause);
      if (status === 'n.a.') context.skip(message);
      expect(message).toBe('');
      expect(status).toBe('pass');
    });
  }
});
