// node test/browser/pseudo.mjs <folder>: the dashboard built into a folder with one more language, `eo`, in which every message is its English text in brackets. A process of
// its own, for a build changes the environment of whoever builds.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

const folder = process.argv[2]
const dashboard = fileURLToPath(new URL('../../packages/dashboard/', import.meta.url))
const english = JSON.parse(readFileSync(join(dashboard, 'src/text/languages/en.json'), 'utf8'))
const pseudo = Object.fromEntries(Object.keys(english).map((message) => [message, `⟦${message}⟧`]))

const sources = join(folder, 'languages')
mkdirSync(sources, { recursive: true })
writeFileSync(join(sources, 'eo.json'), JSON.stringify(pseudo))
writeFileSync(join(sources, 'languages.ts'), `export const languages = new Map([['eo', () => import('./eo.json')]])\n`)

await build({
  configFile: join(dashboard, 'vite.config.ts'),
  logLevel: 'warn',
  resolve: { alias: [{ find: /^\.\/languages\.ts$/, replacement: join(sources, 'languages.ts') }] },
  build: { outDir: join(folder, 'public') },
})
