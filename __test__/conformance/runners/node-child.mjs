// Runs clauses of one subject, one at a time as the parent asks. Peers live in the parent.
import { clauses } from '../clauses/index.mjs';
import { run } from '../clause.mjs';
import { nodeTools } from './node-tools.mjs';
import { loadSubject } from './subject.mjs';

const strays = [];
process.on('unhandledRejection', (reason) => strays.push(reason));
process.on('uncaughtException', (error) => strays.push(error));

const asked = new Map();
let next = 0;

/** Has the parent's peers do something. */
function control(operation, args) {
  return new Promise((resolve, reject) => {
    asked.set(++next, { resolve, reject });
    process.send({ ask: next, operation, args });
  });
}

process.on('disconnect', () => process.exit());
process.on('message', async (message) => {
  if (message.answer !== undefined) {
    const { resolve, reject } = asked.get(message.answer);
    asked.delete(message.answer);
    if (message.error === undefined) resolve(message.value);
    else reject(new Error(message.error));
    return;
  }
  const clause = clauses.find(({ id }) => id === message.run);
  process.send({ result: await run(clause, { subject, control, node: nodeTools, strays }) });
});

const { CONFORMANCE_SUBJECT, CONFORMANCE_DEFECT } = process.env;
let subject;
try {
  subject = await loadSubject(CONFORMANCE_SUBJECT, CONFORMANCE_DEFECT);
  process.send({ ready: true });
} catch (error) {
  process.send({ broken: String(error?.stack ?? error) });
}
