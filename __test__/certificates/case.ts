/** What a row of the table is: a server, what we say of it, what node:tls says, and why where that differs. */
import { ACCEPTED, type Setting } from './clients.ts';
import { authority, type Entity, type Profile, server } from './tree.ts';

/** What node:tls says; or that from a major version on something else. ` or ` where it depends on the minor one. */
export type NodeVerdict = string | Record<number, string>;

type Make = (tree: Tree) => Promise<Setting> | Setting;

export interface Case {
  /** As the table has it. */
  title: string;
  make: Make;
  /** `'accepted'` or our code. */
  ours: string;
  /** What our message says. With every refusal. */
  says?: RegExp;
  /** What wintersock/node gives in place of our code, as node:tls does. */
  duplex?: string;
  node: NodeVerdict;
  /** It is refused without verification, too: rustls cannot read it. */
  isUnreadable?: true;
  /** Why we differ from node:tls. With every difference. */
  why?: string;
}

/** Accepted by both. */
export const accepted = (title: string, make: Make): Case => ({
  title,
  make,
  ours: ACCEPTED,
  node: ACCEPTED,
});

/** Refused by both, with the same code. */
export const refused = (title: string, make: Make, code: string, says: RegExp): Case => {
  return { title, make, ours: code, says, node: code };
};

/** Accepted by us, and not by node:tls. */
export const lenient = (title: string, make: Make, node: NodeVerdict, why: string): Case => {
  return { title, make, ours: ACCEPTED, node, why };
};

/** Refused by us; node:tls accepts it, or has another code. */
export const strict = (
  title: string,
  make: Make,
  [ours, says]: [code: string, says: RegExp],
  node: NodeVerdict,
  why: string,
): Case => ({ title, make, ours, says, node, why });

/** What this version of Node is to say. */
export function nodeVerdicts(node: NodeVerdict): string[] {
  if (typeof node === 'string') return node.split(' or ');
  const major = Number.parseInt(process.versions.node, 10);
  const from = Object.keys(node).filter((since) => Number(since) <= major);
  return (node[Math.max(...from.map(Number))] ?? '').split(' or ');
}

/** The authorities that most cases share. */
export interface Tree {
  root: Entity;
  intermediate: Entity;
  /** Nobody trusts it. */
  stranger: Entity;
  /** A server with a certificate that the intermediate authority issued; the root is trusted. */
  serve: (profile?: Profile, setting?: Partial<Setting>) => Promise<Setting>;
}

export async function plantTree(): Promise<Tree> {
  const root = await authority('root');
  const intermediate = await authority('intermediate', { pathLength: 0 }, root);
  const stranger = await authority('stranger');
  return {
    root,
    intermediate,
    stranger,
    serve: async (profile, setting) => {
      const leaf = await server(intermediate, profile);
      return { chain: [leaf.cert, intermediate.cert], key: leaf.key, ca: [root.cert], ...setting };
    },
  };
}

/** A server below authorities of its own: the last one issued its certificate, the first one is trusted and not sent. */
export async function below(authorities: readonly Entity[], profile?: Profile): Promise<Setting> {
  const leaf = await server(authorities.at(-1), profile);
  const sent = authorities.slice(1).toReversed();
  return {
    chain: [leaf.cert, ...sent.map(({ cert }) => cert)],
    key: leaf.key,
    ca: authorities.slice(0, 1).map(({ cert }) => cert),
  };
}
