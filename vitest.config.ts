import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  resolve: {
    alias: [
      { find: '@countersign/sdk/form', replacement: at('packages/sdk/src/form/form.ts') },
      { find: '@countersign/sdk/testing', replacement: at('packages/sdk/src/testing/index.ts') },
      { find: '@countersign/sdk', replacement: at('packages/sdk/src/index.ts') },
      { find: '@countersign/queue/adapters', replacement: at('packages/queue/src/adapters.ts') },
      { find: '@countersign/queue/testing', replacement: at('packages/queue/src/testing.ts') },
      { find: '@countersign/queue', replacement: at('packages/queue/src/index.ts') },
      { find: '#harness', replacement: at('test/harness/index.ts') },
    ],
  },
  test: {
    include: ['packages/*/{src,test}/**/*.test.{ts,tsx}', 'test/**/*.test.ts', 'examples/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**', ...(process.env.FAULTS === 'long' ? [] : ['test/faults/long/**'])],
    globalSetup: [at('test/harness/global.ts')],
    pool: 'threads',
    isolate: false,
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // What a test waits for comes late on a loaded machine; one second, as it would be, says more of the machine than of the code.
    expect: { poll: { timeout: 20_000 } },
  },
})
