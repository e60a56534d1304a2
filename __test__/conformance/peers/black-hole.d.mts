/** A port of this machine at which a connection attempt gets no answer at all: it stays in SYN-SENT. */
export class BlackHole {
  static open(): Promise<BlackHole>;
  readonly port: number;
  close(): Promise<void>;
}
