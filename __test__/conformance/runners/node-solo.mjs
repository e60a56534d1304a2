// Runs one function, given as text, with the subject: for clauses about the life of a process.
import { loadSubject } from './subject.mjs';

const { CONFORMANCE_SUBJECT, CONFORMANCE_DEFECT } = process.env;
const [script, args] = process.argv.slice(2);
const { default: body } = await import(
  `data:text/javascript,${encodeURIComponent(`export default ${script}`)}`
);
await body(await loadSubject(CONFORMANCE_SUBJECT, CONFORMANCE_DEFECT), JSON.parse(args));
