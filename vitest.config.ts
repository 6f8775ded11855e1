import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))

const NEVER = ['**/node_modules/**', '**/dist/**']
const ALONE = ['test/faults/stop.test.ts', 'test/faults/preload-start.test.ts', 'test/flows/proxy-revoked.test.ts']

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
    globalSetup: [at('test/harness/global.ts')],
    pool: 'threads',
    isolate: false,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // What a test waits for comes late on a loaded machine; one second, as it would be, says more of the machine than of the code.
    expect: { poll: { timeout: 20_000 } },
    projects: [
      {
        extends: true,
        test: {
          name: 'all',
          include: ['packages/*/{src,test}/**/*.test.{ts,tsx}', 'test/**/*.test.ts', 'examples/**/*.test.ts'],
          exclude: [...NEVER, ...(process.env.FAULTS === 'long' ? [] : ['test/faults/long/**']), ...ALONE],
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      // What is held to seconds of the clock has the machine to itself, behind all others.
      { extends: true, test: { name: 'alone', include: ALONE, exclude: NEVER, maxWorkers: 1, sequence: { groupOrder: 1 } } },
    ],
  },
})
