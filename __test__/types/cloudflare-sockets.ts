/** The module `cloudflare:sockets` as TypeScript sees it with our types. Checked by tsc, never run. */
import * as sockets from 'cloudflare:sockets';
import type { Socket } from 'wintersock';

export async function uses(): Promise<void> {
  const socket: Socket = sockets.connect('localhost:5432', { secureTransport: 'starttls' });
  await socket.startTls({ expectedServerHostname: 'localhost' }).close();
  const late = await import('cloudflare:sockets');
  late.connect({ hostname: 'localhost', port: 5432 });
}

export function mistakes(): void {
  // @ts-expect-error there is no such transport
  sockets.connect('localhost:5432', { secureTransport: 'tls' });
  // @ts-expect-error Workers have no such export
  sockets.Socket;
}
