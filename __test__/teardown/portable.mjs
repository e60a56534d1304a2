/** Scenarios for any system: `npm run test:teardown` looks into /proc as well. Types: portable.d.mts. */
import { run } from './run.mjs';
import { scenarios } from './scenarios.mjs';
import { Surroundings } from './surroundings.mjs';

export class Portable {
  #surroundings;

  static async open() {
    const made = new Portable();
    made.#surroundings = await Surroundings.open();
    return made;
  }

  async run(name, round) {
    const scenario = scenarios.find((one) => one.name === name);
    const wrongs = await run(scenario, {
      node: process.execPath,
      io: process.env['WINTERSOCK_IO'] ?? '',
      round,
      surroundings: this.#surroundings,
    });
    return wrongs.map(({ kind, what }) => `${kind}: ${what}`);
  }

  close() {
    return this.#surroundings.close();
  }
}
