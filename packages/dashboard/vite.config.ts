import { fileURLToPath } from 'node:url'
import tailwindcss from '@tailwindcss/vite'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

// Whoever builds, and with whatever environment (a test runner says NODE_ENV=test): what is served is always the production build.
process.env.NODE_ENV = 'production'

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  root: at('.'),
  plugins: [react(), tailwindcss()],
  resolve: { alias: { '@countersign/sdk': at('../sdk/src/index.ts') } },
  build: {
    outDir: at('../server/public'),
    emptyOutDir: true,
    // The page's policy allows no inline script and no inline style, so nothing may be inlined.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2022',
    // One script for all pages: what bounds it is the test that holds it below 200 kB compressed.
    chunkSizeWarningLimit: 1_000,
  },
})
