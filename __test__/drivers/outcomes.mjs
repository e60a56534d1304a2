/** What jobs of a client give, one after the other: a line of JSON for each, its name and what the user got or what was thrown at him. */

/** Milliseconds. A job that is late is named, where the deadline of the process would only say that something hangs. */
const patience = 30_000;

/**
 * Runs them. `argument` is what each is given; of an error, `telling` is the one below it that is looked at.
 */
export async function printOutcomes(jobs, argument, telling = (error) => error) {
  for (const [name, job] of Object.entries(jobs)) {
    console.log(JSON.stringify([name, await settled(job(argument), telling)]));
  }
}

async function settled(work, telling) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(reject, patience, Object.assign(new Error('it hangs'), { code: 'LATE' }));
  });
  return Promise.race([work, late])
    .then(
      (value) => ({ value }),
      (error) => ({ error: described(error, telling) }),
    )
    .finally(() => clearTimeout(timer));
}

/** The message stays out of the comparison: ours say more than those of node:net. */
function described(error, telling) {
  const { code, syscall, address, port } = telling(error);
  return { name: error.name, code, syscall, address, port, message: error.message };
}
