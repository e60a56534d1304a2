import { configDefaults, defineConfig } from 'vitest/config';

// Under .cache/ are mirrors of this checkout with other addons (scripts/variant.mjs), and their tests.
export default defineConfig({ test: { exclude: [...configDefaults.exclude, '.cache/**'] } });
