/** What sanitizers have written: which of it is a report, and which of that concerns the addon. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Both streams of all processes have an end; so many lines of a report are enough to see where it is from. */
const SHOWN = 60;

/**
 * Reads all that is in the directory.
 * @param {string} directory
 * @param {boolean} instrumented Whether all of the process is. In Node only the addon is: what goes on between threads of V8, of libuv or
 * of another addon looks like races, because only what they do through libc is seen, and not what orders it. A race has two sides, and is
 * set aside if neither is in the addon.
 * @returns {{ found: string[], aside: number }} The reports, each cut to a length that can be shown, and how many were set aside.
 */
export function readReports(directory, instrumented) {
  const files = existsSync(directory) ? readdirSync(directory) : [];
  const all = files.flatMap((file) => split(readFileSync(join(directory, file), 'utf8'), file));
  const found = all.filter((report) => instrumented || concernsAddon(report));
  return { found: found.map(shorten), aside: all.length - found.length };
}

/** @param {string} text @param {string} file @returns {string[]} */
function split(text, file) {
  return text
    .split(/^={18,}\n/m)
    .filter((block) =>
      /(ERROR|WARNING|FATAL): \w+Sanitizer|Sanitizer: CHECK failed|Sanitizer:DEADLYSIGNAL/.test(block),
    )
    .map((block) => `${file}\n${block}`);
}

/** @param {string} report */
function concernsAddon(report) {
  if (!report.includes('WARNING: ThreadSanitizer: ')) return true;
  const race = report.includes('WARNING: ThreadSanitizer: data race');
  // What follows the two sides of a race says where the memory and the threads are from.
  const [sides = ''] = race
    ? report.split(/^ {2}(?:Location is|As if synchronized|Mutex M\d|Thread T\d)/m)
    : [report];
  // Who did it, below the functions of libc: JavaScript that the addon has called stands above it.
  return sides.split(/^ {4}#0 /m).some((stack) => {
    const frame = stack
      .split('\n')
      .find((line) => /\(\S+\+0x[0-9a-f]+\)/.test(line) && !/tsan\.so/.test(line));
    return frame !== undefined && /\bwintersock[\w.-]*\.node\+/.test(frame);
  });
}

/** @param {string} report */
function shorten(report) {
  const lines = report.trimEnd().split('\n');
  if (lines.length <= SHOWN) return lines.join('\n');
  return [...lines.slice(0, SHOWN), `... ${lines.length - SHOWN} more lines`].join('\n');
}
