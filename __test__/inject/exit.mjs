/** A process that exits with bytes on their way, and says last of all which points it has passed. */
import { writeSync } from 'node:fs';
import { native } from './native.mjs';

const { places, plan } = JSON.parse(process.argv[2] ?? '');
const { connect, createBinding } = await import('wintersock');
// After the package's own.
process.on('exit', () => writeSync(1, JSON.stringify(native.passed())));
const proxy = { url: `https://127.0.0.1:${places.https}`, tls: { ca: places.ca } };
const sockets = [connect, createBinding({ proxy }).connect].map((by) => by(`127.0.0.1:${places.plain}`));
await Promise.all(sockets.map(({ opened }) => opened));
native.inject(plan?.point, plan?.after ?? 0, plan?.times ?? 0, plan?.errno);
const writers = sockets.map((socket) => socket.writable.getWriter());
for (const word of ['late 1\n', 'x', 'y']) for (const writer of writers) writer.write(word).catch(() => {});
process.exit(7);
