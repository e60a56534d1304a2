/**
 * What is measured, in the client's process. The same code for every subject with JavaScript: a subject brings an
 * idiom, which is how its API is used, and a clock. Uses nothing but what every runtime has.
 */

/**
 * @typedef {object} Job What to measure.
 * @property {'roundtrip' | 'download' | 'upload' | 'connect' | 'pingpong' | 'idle' | 'pg'} workload
 * @property {boolean} tls
 * @property {boolean} resumed Whether TLS sessions are to be kept by hand where the API does not do it by itself.
 * @property {string} host
 * @property {{ echo: number, source: number, sink: number }} ports
 * @property {string} ca PEM: what to trust.
 * @property {number} size Bytes of a message, or of one write.
 * @property {number} bytes Bytes of one bulk transfer. They are repeated until the time is over.
 * @property {number} seconds How long to measure, after warming up.
 * @property {number} sockets Connections, or connects under way at the same time.
 * @property {object} [database] Where PostgreSQL is, for `pg`.
 *
 * @typedef {Record<string, number>} Figures Their names say their units.
 *
 * @typedef {object} Idiom How an API is used.
 * @property {(job: Job, port: number, unused?: boolean) => Promise<any>} open Connects. `unused`: nothing will be
 *   read or written.
 * @property {(link: any) => Promise<unknown>} close Ends the connection in an orderly way.
 * @property {(link: any, message: Uint8Array, again: () => boolean) => Promise<void>} rounds Sends a message, reads
 *   as many bytes, and begins again for as long as `again()`, called after each round, says so.
 * @property {(link: any, request: Uint8Array, bytes: number) => Promise<void>} download Asks, and reads what comes.
 * @property {(link: any, request: Uint8Array, chunk: Uint8Array, bytes: number) => Promise<void>} upload Writes
 *   `chunk` again and again, waits where the API asks for it, and reads the byte that says that all has come.
 *
 * @typedef {object} Clock
 * @property {() => number} now In microseconds, from any point in time on.
 * @property {boolean} [coarse] It does not tell the time of a single round.
 * @property {() => Usage | Promise<Usage>} usage
 * @property {() => unknown} collect Collects garbage.
 *
 * @typedef {object} Usage What the process has used so far.
 * @property {number} now Seconds.
 * @property {number} cpu Seconds, all threads together.
 * @property {number} rss Bytes.
 * @property {{ active: number, idle: number }} [loop] What the JavaScript thread did, in milliseconds.
 */

/** Part of the measured time that is spent before, on warming up. */
const WARM = 0.4;
/** How many connections are opened at the same time where many have to be open. */
const OPENING = 50;

/**
 * @param {Idiom} idiom
 * @param {Clock} clock
 * @returns {(job: Job) => Promise<Figures>}
 */
export function performer(idiom, clock) {
  return (job) => workloads[job.workload](job, idiom, clock);
}

/** @type {Record<string, (job: Job, idiom: Idiom, clock: Clock) => Promise<Figures>>} */
const workloads = {
  async roundtrip(job, idiom, clock) {
    const message = new Uint8Array(job.size);
    const link = await idiom.open(job, job.ports.echo);
    await idiom.rounds(link, message, until(clock, job.seconds * WARM));

    const times = new Float64Array(1 << 20);
    let rounds = 0;
    const before = await clock.usage();
    let last = clock.now();
    const end = last + job.seconds * 1e6;
    await idiom.rounds(link, message, () => {
      const now = clock.now();
      times[rounds % times.length] = now - last;
      rounds += 1;
      last = now;
      return now < end;
    });
    const used = spent(before, await clock.usage());
    await idiom.close(link);

    const mean = (used.seconds * 1e6) / rounds;
    const sorted = times.subarray(0, Math.min(rounds, times.length)).sort();
    const quantile = (share) => (clock.coarse ? mean : sorted[Math.floor(share * (sorted.length - 1))]);
    return {
      p50_us: quantile(0.5),
      ...(clock.coarse ? {} : { p99_us: quantile(0.99) }),
      mean_us: mean,
      rounds_per_s: 1e6 / mean,
      ...load(used),
    };
  },

  async download(job, idiom, clock) {
    const link = await idiom.open(job, job.ports.source);
    const request = count(job.bytes);
    const figures = await bulk(job, clock, () => idiom.download(link, request, job.bytes));
    await idiom.close(link);
    return figures;
  },

  async upload(job, idiom, clock) {
    const link = await idiom.open(job, job.ports.sink);
    const request = count(job.bytes);
    const chunk = new Uint8Array(job.size);
    const figures = await bulk(job, clock, () => idiom.upload(link, request, chunk, job.bytes));
    await idiom.close(link);
    return figures;
  },

  async connect(job, idiom, clock) {
    const connects = async (seconds, streak) => {
      let made = 0;
      const going = until(clock, seconds);
      const one = async () => {
        do {
          await idiom.close(await idiom.open(job, job.ports.echo, true));
          made += 1;
        } while (going());
      };
      await Promise.all(Array.from({ length: streak }, one));
      return made;
    };
    await connects(job.seconds * WARM, job.sockets);
    const first = await clock.usage();
    const together = await connects(job.seconds / 2, job.sockets);
    const middle = await clock.usage();
    const single = await connects(job.seconds / 2, 1);
    const alone = spent(middle, await clock.usage());
    const used = spent(first, middle);
    return {
      connects_per_s: together / used.seconds,
      sequential_connects_per_s: single / alone.seconds,
      cpu_us_per_connect: (used.cpu * 1e6) / together,
      ...load(used),
    };
  },

  async pingpong(job, idiom, clock) {
    const message = new Uint8Array(job.size);
    const links = await openMany(job, idiom, job.sockets);
    await all(links, (link) => idiom.rounds(link, message, until(clock, job.seconds * WARM)));

    let rounds = 0;
    const before = await clock.usage();
    const end = clock.now() + job.seconds * 1e6;
    const again = () => {
      rounds += 1;
      return clock.now() < end;
    };
    await all(links, (link) => idiom.rounds(link, message, again));
    const used = spent(before, await clock.usage());
    await all(links, (link) => idiom.close(link));
    return {
      rounds_per_s: rounds / used.seconds,
      cpu_us_per_round: (used.cpu * 1e6) / rounds,
      ...load(used),
    };
  },

  async idle(job, idiom, clock) {
    const message = new Uint8Array(job.size);
    // What comes with the first connections only, such as a larger heap, is not a matter of a single one. They stay
    // open: what they would leave behind could be used again.
    const early = await openMany(job, idiom, Math.ceil(job.sockets / 2));
    await all(early, (link) => idiom.rounds(link, message, () => false));
    await settle(clock);
    const before = await clock.usage();
    const links = await openMany(job, idiom, job.sockets);
    await all(links, (link) => idiom.rounds(link, message, () => false));
    await settle(clock);
    const after = await clock.usage();
    await all([...early, ...links], (link) => idiom.close(link));
    return { kib_per_socket: (after.rss - before.rss) / 1024 / job.sockets };
  },
};

/** Transfers again and again until the time is over, after a warm-up. */
async function bulk({ seconds, bytes }, clock, transfer) {
  const warm = until(clock, seconds * WARM);
  do await transfer();
  while (warm());
  const before = await clock.usage();
  const going = until(clock, seconds);
  let total = 0;
  do {
    await transfer();
    total += bytes;
  } while (going());
  const used = spent(before, await clock.usage());
  return { mb_per_s: total / 1e6 / used.seconds, cpu_s_per_gb: used.cpu / (total / 1e9), ...load(used) };
}

async function openMany(job, idiom, number) {
  const links = [];
  while (links.length < number) {
    const next = Math.min(OPENING, number - links.length);
    const opening = Array.from({ length: next }, () => idiom.open(job, job.ports.echo));
    links.push(...(await Promise.all(opening)));
  }
  return links;
}

const all = (links, act) => Promise.all(links.map(act));

/** Leaves no garbage that a collection, or a turn of the event loop, would have taken away. */
async function settle(clock) {
  for (let times = 0; times < 4; times += 1) {
    await clock.collect();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Says whether the time is not yet over. */
function until(clock, seconds) {
  const end = clock.now() + seconds * 1e6;
  return () => clock.now() < end;
}

/** The count that begins each exchange with `source` and `sink`. */
function count(bytes) {
  const request = new Uint8Array(8);
  new DataView(request.buffer).setBigUint64(0, BigInt(bytes), true);
  return request;
}

/** @param {Usage} before @param {Usage} after */
function spent(before, after) {
  const used = { seconds: after.now - before.now, cpu: after.cpu - before.cpu };
  if (!before.loop || !after.loop) return used;
  const active = after.loop.active - before.loop.active;
  return { ...used, utilisation: active / (active + after.loop.idle - before.loop.idle) };
}

/** The figures that every job has. */
function load({ cpu, utilisation }) {
  return { cpu_s: cpu, ...(utilisation === undefined ? {} : { utilisation }) };
}
