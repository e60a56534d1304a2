/** What this process has open, and which threads it runs, by their kinds. Only Linux tells: elsewhere there is nothing. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** The thread of the native half, and those of its pool for look-ups: these end after ten seconds without one. */
const OWN = 'thread wintersock';
const OWN_MAX = 16;

/** @returns {Map<string, number>} */
export function inventory() {
  if (process.platform !== 'linux') return new Map();
  // Node opens that once, for itself.
  const found = [...list('fd', descriptor), ...list('task', thread)].filter(
    (kind) => !kind.endsWith('/dev/null'),
  );
  const counts = new Map();
  for (const kind of found) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  counts.set(OWN, Math.max(0, (counts.get(OWN) ?? 0) - OWN_MAX));
  return counts;
}

/** What there is more of than before, in words. @param {Map<string, number>} before */
export function surplus(before) {
  return [...inventory()].flatMap(([kind, count]) => {
    const more = count - (before.get(kind) ?? 0);
    return more > 0 ? [`${more} ${kind}`] : [];
  });
}

function list(what, describe) {
  return readdirSync(`/proc/self/${what}`).flatMap((name) => {
    try {
      return [describe(name)];
    } catch {
      return []; // the descriptor of the listing itself, or a thread that has just ended
    }
  });
}

function descriptor(name) {
  const target = readlinkSync(`/proc/self/fd/${name}`);
  // Sockets and pipes have numbers. A path stands for itself.
  return `descriptor ${target.replace(/:\[\d+\]$/, '')}`;
}

function thread(name) {
  return `thread ${readFileSync(`/proc/self/task/${name}/comm`, 'utf8').trim()}`;
}
