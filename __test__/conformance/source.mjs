const DRAFT = 'https://sockets-api.proposal.wintertc.org/';

/** A section of the WinterTC draft, by its anchor. */
export const draft = (anchor) => ({ label: `draft: ${anchor}`, link: `${DRAFT}#${anchor}` });

/** What WebIDL says of any interface, dictionary or enumeration. */
export const webidl = { label: 'WebIDL', link: 'https://webidl.spec.whatwg.org/' };

/** What Streams says of any readable or writable stream. */
export const streams = { label: 'Streams', link: 'https://streams.spec.whatwg.org/' };

/** What the TLS standards say: RFC 8446, RFC 6066 (SNI), RFC 7301 (ALPN), RFC 9525 (names). */
export const tls = { label: 'TLS', link: 'https://www.rfc-editor.org/rfc/rfc8446' };

/** What workerd does where the draft is silent. */
export const workerd = {
  label: 'workerd',
  link: 'https://developers.cloudflare.com/workers/runtime-apis/tcp-sockets/',
};

/** Our decision where the draft is silent or leaves a choice; the link is relative to docs/. */
export const ruling = (topic) => ({ label: `ruling: ${topic}`, link: 'design/decisions.md#rulings' });
