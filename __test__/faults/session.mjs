/** A run of the matrix in a process of its own, which has to end by itself. Types: session.d.mts. */
import { fileURLToPath } from 'node:url';
import { slowness } from '../fixtures/environment.mjs';
import { runNode } from '../fixtures/node-process.mjs';
import { compare } from './verdict.mjs';

const program = fileURLToPath(new URL('program.mjs', import.meta.url));

export async function runMatrix({ node = process.execPath, io, apis, only = '', deadline = 600_000 }) {
  const env = io === undefined ? {} : { WINTERSOCK_IO: io };
  const { code, signal, stdout, stderr } = await runNode([program, apis.join(), only], {
    env,
    node,
    deadline: deadline * slowness,
  });
  const lines = stdout
    .trim()
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  const cells = lines.filter((line) => line.title !== undefined);
  const end = lines.find((line) => line.process === true);
  const failures = [...cells.filter(({ wrong }) => wrong.length > 0), ...compare(cells)];
  const wrong = [];
  if (code !== 0) wrong.push(`it ended with ${signal ?? `exit code ${code}`}: ${stderr.slice(-2000)}`);
  if (end === undefined) wrong.push('it did not come to its end');
  if (end?.leaks.length > 0) wrong.push(`left: ${end.leaks.join(', ')}`);
  const again = cells.filter(({ once }) => once);
  // One or two are the machine's; what stalls every now and then is ours.
  const most = Math.max(3, 0.005 * cells.length);
  if (again.length > most) wrong.push(`${again.length} cells were slow once, more than ${Math.floor(most)}`);
  for (const stray of end?.strays ?? []) wrong.push(`an unhandled rejection: ${stray}`);
  failures.push(...wrong.map((one) => ({ title: 'the process', wrong: [one] })));
  return { cells: cells.filter(({ name }) => name !== 'nothing goes wrong'), failures, again };
}
