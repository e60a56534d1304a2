/** What has to be true of the bytes of a sequence of wintersock/node in the end. */
import { setTimeout as sleep } from 'node:timers/promises';

const DEADLINE_MS = 8000;

/**
 * @param {object} of
 * @param {import('./peer.mjs').Line | undefined} of.line
 * @param {import('./duplex-model.mjs').DuplexModel} of.model
 * @param {string[]} of.events
 * @param {import('./pattern.mjs').Received} of.got What was handed out, over TLS if there was any.
 * @param {number} of.issued Bytes that were written, over TLS if there was any.
 * @param {number} of.plainly Bytes that were written before TLS.
 */
export async function checkBytes({ line, model, events, got, issued, plainly }) {
  if (!line) return;
  if (line.intruded) throw new Error('the peer was sent plain text where TLS was to be');
  const [received, sent] = model.secure ? [line.secret, line.sentSecret] : [line.plain, line.sentPlain];
  for (const { wrongAt } of [line.plain, line.secret])
    if (wrongAt !== undefined) throw new Error(`the peer got something else from byte ${wrongAt} on`);
  if (got.wrongAt !== undefined)
    throw new Error(`what was read is not what was sent, from byte ${got.wrongAt} on`);
  if (got.length > sent) throw new Error(`${got.length} bytes were read of ${sent}`);
  if (received.length > issued) throw new Error(`the peer got ${received.length} bytes of ${issued}`);
  if (line.plain.length > (model.secure ? plainly : issued))
    throw new Error('the peer got more in plain text than was written before TLS');
  const clean = !model.facts.has('rst') && !model.facts.has('spoil') && !line.stalled;
  if (events.includes('end') && !model.facts.has('cut') && clean && got.length < sent)
    throw new Error(`an end after ${got.length} bytes of ${sent}`);
  // A reset that overtakes data, or comes to a socket that was paused or has ended, may be taken for an end in order: Node's is, too.
  if (
    !clean ||
    line.wasStalled ||
    line.over ||
    model.facts.has('reset') ||
    !events.includes('finish') ||
    !events.includes(model.secure ? 'secureConnect' : 'connect') ||
    events.includes('error')
  )
    return;
  for (
    const deadline = performance.now() + DEADLINE_MS;
    line.end === 'open' && !line.tcp.destroyed && performance.now() < deadline;
  )
    await sleep(1);
  if (line.end === 'end' && received.length < issued)
    throw new Error(`the peer got an end in order after ${received.length} bytes of ${issued}`);
}
