/** Runs one scenario in a process of its own, and says what is wrong with how it ended. */
import { slowness } from '../fixtures/environment.mjs';
import { runNode } from '../fixtures/node-process.mjs';
import { Peers } from './peers.mjs';
import { expectedEndings } from './scenarios.mjs';

/** How long a process may take, and its peers, in milliseconds. */
const DEADLINE = 60_000 * slowness;
const PEERS_DEADLINE = 10_000 * slowness;

/**
 * @param {import('./scenarios.mjs').Scenario} scenario
 * @param {{ node: string, io: string, round: number, surroundings: import('./surroundings.mjs').Surroundings }} how
 */
export async function run(scenario, { node, io, round, surroundings }) {
  const peers = await Peers.open(surroundings.context);
  try {
    const where = { ...surroundings.data, ports: peers.ports, slowness, round };
    const args = ['--expose-gc', '__test__/teardown/process.mjs', scenario.name, JSON.stringify(where)];
    const { deaf } = surroundings;
    if (scenario.deaf && !deaf) throw new Error(`${scenario.name}: there is no name server that is silent`);
    const command = scenario.deaf ? { node: 'unshare', args: [...deaf, node, ...args] } : { node, args };
    const env = { WINTERSOCK_IO: io };
    const ended = runNode(command.args, { env, deadline: DEADLINE, node: command.node });
    const ending = await ended.catch(({ message }) => ({ late: message.replace(JSON.stringify(where), '') }));
    const wrongs = ending.late
      ? [{ kind: 'hung', what: ending.late }]
      : [...wrongEnding(scenario, ending), ...wrongReport(scenario, ending, round)];
    // Of a process that hangs nobody expects more.
    const open = ending.late ? '' : await peers.ended(PEERS_DEADLINE);
    if (open !== '') wrongs.push({ kind: 'peer', what: `no FIN and no reset at: ${open}` });
    return wrongs;
  } finally {
    await peers.close();
  }
}

/** Of the process. */
function* wrongEnding({ code = 0, signal = null, stderr }, ending) {
  if (ending.signal !== signal) yield { kind: 'signal', what: `signal ${ending.signal}, not ${signal}` };
  else if (ending.code !== code) yield { kind: 'crashed', what: `exit code ${ending.code}, not ${code}` };
  if (!(stderr?.test(ending.stderr) ?? ending.stderr === '')) yield { kind: 'other', what: ending.stderr };
}

/** Of its workers, however the process itself has ended. */
function* wrongReport(scenario, { code, stdout }, round) {
  if (!scenario.workers) return;
  const report = stdout.match(/^\{"ended":.*\}$/m);
  if (report === null) {
    // Otherwise it is said already that it has not come to its end.
    if (code === 0) yield { kind: 'other', what: 'no report' };
    return;
  }
  const { ended, left, peers, own } = JSON.parse(report[0]);
  const expected = expectedEndings(scenario.workers(round));
  if (!ended.every((how, index) => expected[index].test(how))) {
    yield { kind: 'crashed', what: `workers ended by ${JSON.stringify(ended)}, not ${expected.join(', ')}` };
  }
  if (left.length > 0) yield { kind: 'left', what: `left: ${left.join(', ')}` };
  if (peers !== '') yield { kind: 'peer', what: `no FIN and no reset after the end of workers at: ${peers}` };
  if (own !== 'still here') yield { kind: 'other', what: `the main thread's own connection: ${own}` };
}
