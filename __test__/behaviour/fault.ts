import type { Scene } from './scene.ts';
import type { Wire } from './wire.ts';

/** Something that goes wrong. It happens to a scene that is in some state. All that there is: faults.test.ts. */
export type Fault = (scene: Scene, wire: Wire) => void | Promise<void>;

/** What goes wrong with a connection where an error is to be provoked, by name. */
export const faults = {
  reset: (_, wire) => wire.reset(),
  'end without close_notify': (_, wire) => void wire.tcp.end(),
  'plain text': (_, wire) => wire.send('HTTP/1.1 400 Bad Request\r\n\r\n'),
} satisfies Record<string, Fault>;

export type FaultName = keyof typeof faults;
