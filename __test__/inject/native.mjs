/** The native half of the build with points, as the package loads it: who has a point fail. */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/**
 * @typedef {{ points: Record<string, number>, failed: number }} Passed
 * @typedef {{ inject(point: string | undefined, after: number, times: number, errno?: number): void, passed(): Passed }} Native
 */

const addon = fileURLToPath(new URL(`../../${process.env['WINTERSOCK_ADDON']}`, import.meta.url));

/** @type {Native} */
export const native = createRequire(import.meta.url)(addon);
