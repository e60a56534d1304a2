/** Codes that nothing here can bring about, and why. */
export const unprovoked: Record<string, string> = {
  EADDRINUSE: 'Linux says EADDRNOTAVAIL instead',
  EAFNOSUPPORT: 'needs a kernel without IPv6',
  ECONNABORTED: 'comes on Windows',
  ENETDOWN: 'needs an interface that fails at the right moment',
  ENFILE: 'needs a machine that is out of descriptors',
  ENOMEM: 'needs a machine that is out of memory',
  ENOTCONN: 'a safeguard',
  EPERM: 'needs a packet filter',
  ERR_SOCKET_IO: 'for what the system says that has no name here',
  CERT_REVOKED: 'no revocation lists are consulted',
  ERR_INTERNAL: 'for bugs; cargo test provokes it',
};
