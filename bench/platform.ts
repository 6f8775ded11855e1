// npm run bench -- platform [topic …] [--quick]: the figures of platform.md §23, one topic a file in bench/platform, one JSON line a figure.
// Topics run one after the other, so that none stands in another's figures; each brings its own server and database and takes them away again.
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Figure, report } from './figure.ts'

type Topic = { measure(options: { quick: boolean }): Promise<Figure[]> }

const folder = fileURLToPath(new URL('platform/', import.meta.url))
const topics = readdirSync(folder)
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -3))
  .sort()
const args = process.argv.slice(2)
const quick = args.includes('--quick')
const asked = args.filter((arg) => !arg.startsWith('--'))
const unknown = asked.filter((name) => !topics.includes(name))
if (unknown.length > 0) {
  process.stderr.write(`There is no topic ${unknown.join(', ')}; there are ${topics.join(', ')}.\n`)
  process.exit(2)
}

for (const name of asked.length > 0 ? asked : topics) {
  process.stderr.write(`— ${name}\n`)
  const { measure } = (await import(`./platform/${name}.ts`)) as Topic
  for (const figure of await measure({ quick })) report(figure)
}
