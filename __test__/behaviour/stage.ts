import { Scene, type State, type Transport, type Trust } from './scene.ts';
import { trustedAuthority } from './trust.ts';
import { Peer, type Wire } from './wire.ts';

/** One socket and its peer, to be used with `await using`. */
export interface Stage extends AsyncDisposable {
  readonly peer: Peer;
  readonly scene: Scene;
  readonly wire: Wire;
}

/** What all sockets of a test file trust. */
export async function trustForTests(): Promise<Trust> {
  const authority = await trustedAuthority();
  return { authority, credentials: await authority.issue({ names: ['127.0.0.1', 'localhost'] }) };
}

/** A socket in a state, with a peer of its own, cleared away at the end of the block. */
export async function stage(trust: Trust, transport: Transport, state: State = 'idle'): Promise<Stage> {
  const peer = await Peer.open();
  const scene = await new Scene(transport, trust).reach(state, peer);
  return {
    peer,
    scene,
    wire: scene.wire as Wire,
    async [Symbol.asyncDispose]() {
      scene.abort.abort(new Error('the test is over'));
      await peer.close();
    },
  };
}
