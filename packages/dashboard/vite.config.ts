import { fileURLToPath } from 'node:url'
import tailwindcss from '@tailwindcss/vite'
import react from '@vitejs/plugin-react'
import { defineConfig, type Plugin } from 'vite'

// Whoever builds, and with whatever environment (a test runner says NODE_ENV=test): what is served is always the production build.
process.env.NODE_ENV = 'production'

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** What an entry imports once it knows its language comes along with the entry: it is there when it is wanted. */
const fetchedAlong = (): Plugin => ({
  name: 'fetched-along',
  transformIndexHtml: {
    order: 'post',
    handler(_html, { chunk, bundle = {} }) {
      const along = new Set<string>()
      const add = (name: string) => {
        const file = bundle[name]
        if (along.has(name) || file?.type !== 'chunk' || name.includes('/languages/')) return
        along.add(name)
        file.imports.forEach(add)
      }
      const known = new Set(chunk?.imports)
      chunk?.dynamicImports.forEach(add)
      return [...along]
        .filter((name) => !known.has(name))
        .map((name) => ({
          tag: 'link',
          attrs: { rel: 'modulepreload', crossorigin: true, href: `/${name}` },
          injectTo: 'head',
        }))
    },
  },
})

export default defineConfig({
  root: at('.'),
  plugins: [react(), tailwindcss(), fetchedAlong()],
  resolve: {
    alias: [
      // Its form for browsers decodes by setting HTML, which no page of ours may; the other one has a table.
      {
        find: 'decode-named-character-reference',
        replacement: at('../../node_modules/decode-named-character-reference/index.js'),
      },
      { find: '@countersign/sdk/form', replacement: at('../sdk/src/form/form.ts') },
      { find: '@countersign/sdk', replacement: at('../sdk/src/index.ts') },
    ],
  },
  build: {
    outDir: at('../server/public'),
    emptyOutDir: true,
    // The page's policy allows no inline script and no inline style, so nothing may be inlined.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // The dashboard, and the page that others hold in a frame.
    rolldownOptions: {
      input: [at('index.html'), at('embed.html')],
      // How long a plugin took says something of the machine, not of what was built: a slow one would fail the build below.
      checks: { pluginTimings: false },
      // A warning would be the first thing that somebody reads of us, for the first start builds.
      onwarn(warning) {
        throw new Error(warning.message)
      },
    },
    target: 'es2022',
    // What bounds the script of the inbox is the test that holds it below 200 kB compressed.
    chunkSizeWarningLimit: 1_000,
  },
})
