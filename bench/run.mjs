// npm run bench -- <area> [--quick]: builds, then runs bench/<area>.ts; each figure is one JSON line on stdout.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { buildIfStale } from '../scripts/build.mjs'

const [area, ...args] = process.argv.slice(2)
const file = area && fileURLToPath(new URL(`${area}.ts`, import.meta.url))
if (!file || !existsSync(file)) {
  process.stderr.write('usage: npm run bench -- tasks|queue|platform|proxy|relay [--quick]\n')
  process.exit(2)
}
await buildIfStale(area === 'queue' ? ['queue'] : ['sdk', 'queue', 'server'])
process.exit(spawnSync(process.execPath, ['--import', 'tsx', file, ...args], { stdio: 'inherit' }).status ?? 1)
