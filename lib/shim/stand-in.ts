/** A module that stands in for one of Node's. */

/**
 * Everything that `original` exports, with `ours` in the place of some. Read and written through to the original: a module's defaults
 * (`tls.DEFAULT_MIN_VERSION`) are settings, and newer versions of Node export more.
 */
export function standIn<Original extends object>(
  original: Original,
  ours: Partial<Record<keyof Original, unknown>>,
): Original {
  const members = Object.entries(Object.getOwnPropertyDescriptors(original)).map(
    ([name, { enumerable = true }]) => {
      const get = () => Reflect.get(original, name);
      const set = (value: unknown) => Reflect.set(original, name, value);
      return [name, { enumerable, configurable: true, get, set }] as const;
    },
  );
  return Object.defineProperties(
    {},
    {
      ...Object.fromEntries(members),
      ...Object.getOwnPropertyDescriptors(ours),
    },
  ) as Original;
}
