/** Whether the line did what it was told, by its counters over a whole session: if not, the rows say nothing. */
import { conditions } from './line.mjs';

/** So many packets with a fault are expected before none of them is wrong: fewer may be chance. */
const ENOUGH = 20;

/** The counter of each fault that the dice decide on. */
const counters = { loss: 'lost', reorder: 'reordered', duplicate: 'duplicated', corrupt: 'corrupted' };

/** The counter of what a command of a turn has to do, whatever the dice say. @param {string} command */
function counterOf(command) {
  if (command.startsWith('drop ')) return 'dropped';
  if (/^refuse \w+ (?!nothing)/.test(command) || / mtu=/.test(command)) return 'refused';
  return / loss=1$/.test(command) ? 'lost' : undefined;
}

/** The counters of what the turns of a workload do. @param {import('./workloads/index.mjs').Workload} workload */
function turned({ turns = {} }) {
  const commands = Object.values(turns).flatMap(({ line }) => line?.('') ?? []);
  return new Set(commands.map(counterOf).filter((counter) => counter !== undefined));
}

export class Tallies {
  /** @type {Map<string, { kind: string, condition: string, packets: Record<string, number> }>} */
  #conditions = new Map();
  /** @type {Map<string, { workload: import('./workloads/index.mjs').Workload, packets: Record<string, number> }>} */
  #turns = new Map();

  /**
   * Adds what the line did in a workload.
   * @param {'own' | 'netem'} kind @param {import('./workloads/index.mjs').Workload} workload @param {string} condition
   * @param {Record<string, number>} packets
   */
  add(kind, workload, condition, packets) {
    if (workload.turns) sum(this.#turns, workload.name, { workload }, packets);
    else sum(this.#conditions, `${kind}, ${condition}`, { kind, condition }, packets);
  }

  /** One for each condition with faults, and for each workload that changes the line. @returns {import('./session.mjs').Row[]} */
  rows() {
    const row = { workload: 'what the line did', api: '', security: '', ms: 0 };
    const dice = [...this.#conditions.values()].flatMap(({ kind, condition, packets }) => {
      const faults = Object.entries(counters).flatMap(([fault, counter]) => {
        const part = Number(new RegExp(`\\b${fault}=([\\d.]+)`).exec(conditions[condition])?.[1] ?? 0);
        // Of netem there is one counter.
        return part === 0 || !(counter in packets) ? [] : [{ counter, part }];
      });
      if (faults.length === 0) return [];
      const none = faults.filter(({ counter, part }) => {
        return packets[counter] === 0 && !(packets.packets > 0 && packets.packets * part < ENOUGH);
      });
      const said = faults.map(({ counter }) => counter);
      return [
        {
          ...row,
          condition,
          where: `${kind} line`,
          ...verdict(
            packets,
            said,
            none.map(({ counter }) => counter),
          ),
        },
      ];
    });
    const turns = [...this.#turns.values()].flatMap(({ workload, packets }) => {
      const said = [...turned(workload)];
      const none = said.filter((counter) => !(packets[counter] > 0));
      return said.length === 0
        ? []
        : [{ ...row, condition: workload.name, where: '', ...verdict(packets, said, none) }];
    });
    return [...dice, ...turns];
  }
}

function sum(all, key, what, packets) {
  const { packets: before = {} } = all.get(key) ?? {};
  const after = Object.entries(packets).map(([name, count]) => [name, count + (before[name] ?? 0)]);
  all.set(key, { ...what, packets: { ...before, ...Object.fromEntries(after) } });
}

/** @param {Record<string, number>} packets @param {string[]} said @param {string[]} none */
function verdict(packets, said, none) {
  const note = `of ${packets.packets} packets ${said.map((name) => `${packets[name]} ${name}`).join(', ')}`;
  return none.length === 0 ? { note } : { note, error: `no packet was ${none.join(', none ')}` };
}
