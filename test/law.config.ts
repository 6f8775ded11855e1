import { defineConfig } from 'vitest/config'

// The law reads files only: it runs without the database that the other tests share.
export default defineConfig({ test: { include: ['test/law.test.ts'] } })
