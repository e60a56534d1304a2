/** What code typed with Cloudflare's own types hands over. Checked by tsc, never run. */
import type * as workers from '@cloudflare/workers-types';
import { connect } from 'wintersock';

export function uses(address: workers.SocketAddress, options: workers.SocketOptions): void {
  connect(address, options);
  connect('localhost:5432', { ...options, signal: AbortSignal.timeout(1000) });
}
