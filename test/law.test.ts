// The import law of STYLE.md §4 and its greps. A failure names file, line and what to do.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { dashboardSources, messagesOf, wordsOutside } from '../scripts/text.ts'

const base = 'sdk std crypto db'
const trunk = `${base} http events queue`
const spine = `${trunk} egress policy identity`
const verbs = 'events identity webhooks jobs vault tasks relay'

// Keys stand ground first and a row may name only keys above it: that is the whole proof that no arrow points up and no loop exists.
const MAY_IMPORT: Record<string, string> = {
  sdk: '',
  queue: '',
  dashboard: 'sdk',
  server: 'sdk queue',
  std: '',
  crypto: 'sdk std',
  db: 'sdk std crypto',
  egress: 'sdk std crypto',
  policy: 'sdk',
  http: base,
  events: `${base} http queue`,
  identity: `${trunk} egress policy`,
  webhooks: spine,
  jobs: spine,
  vault: spine,
  tasks: `${spine} jobs vault`,
  relay: `${spine} tasks`,
  proxy: `${spine} vault tasks`,
  mcp: `sdk std db http ${verbs}`,
  status: trunk,
  main: `${spine} webhooks jobs vault tasks relay proxy mcp status`,
  // The proxy's mask, which `run --mask` puts over what a command says.
  cli: `sdk queue std db main proxy ${verbs}`,
}
// queue signs with WebCrypto
const ONLY_IN: Record<string, string> = { pg: 'db queue', '@cedar-policy/cedar-wasm': 'policy', 'node:crypto': 'crypto' }
const SOCKETS = [
  'node:net',
  'node:tls',
  'node:http',
  'node:https',
  'node:http2',
  'node:dgram',
  'node:dns',
  'node:dns/promises',
  'undici',
]
const FACES = ['packages/sdk/src/index.ts', 'packages/queue/src/index.ts']

const root = fileURLToPath(new URL('..', import.meta.url))
const PACKAGES = ['sdk', 'queue', 'server', 'dashboard']

type Source = { path: string; room: string; text: string; imports: { specifier: string; line: number }[] }

function files(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name)
    if (entry.isDirectory()) return entry.name === 'node_modules' || entry.name === 'dist' ? [] : files(path)
    return /\.tsx?$/.test(entry.name) ? [path] : []
  })
}

const isTest = (path: string) => /\.test\.tsx?$/.test(path) || path.includes('/testing/')

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\s[^'"`;]*?from\s*['"]([^'"]+)['"]|(?:^|\n)\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/g

function parse(path: string): Source {
  const text = readFileSync(path, 'utf8')
  const imports = [...text.matchAll(IMPORT)].map((m) => ({
    specifier: (m[1] ?? m[2] ?? m[3]) as string,
    line: text.slice(0, m.index + m[0].length).split('\n').length,
  }))
  return { path: relative(root, path), room: roomOf(path), text, imports }
}

function roomOf(path: string): string {
  const parts = relative(join(root, 'packages'), path).split('/')
  return parts[0] === 'server' ? (parts[2] as string).replace(/\.ts$/, '') : (parts[0] as string)
}

const sources = PACKAGES.flatMap((name) => files(join(root, 'packages', name, 'src'))).map(parse)
const product = sources.filter((source) => !isTest(source.path))
const rooms = Object.keys(MAY_IMPORT)

const target = (source: Source, specifier: string): string | null => {
  if (specifier.startsWith('.')) return roomOf(resolve(dirname(join(root, source.path)), specifier))
  const own = /^@countersign\/([a-z]+)/.exec(specifier)
  return own ? (own[1] as string) : null
}

/** Places where a text matches, as `file:line`, over non-test sources that `where` accepts. */
function grep(pattern: RegExp, where: (source: Source) => boolean): string[] {
  return product.filter(where).flatMap((source) =>
    source.text.split('\n').flatMap((line, i) => {
      const code = line.replace(/^\s*(\/\/|\*|\/\*).*$/, '')
      return pattern.test(code) ? [`${source.path}:${i + 1} ${line.trim().slice(0, 100)}`] : []
    }),
  )
}

const inServer = (source: Source) => source.path.startsWith('packages/server/src/')

test('a row of the import table names only rooms above it, so no arrow points up', () => {
  rooms.forEach((room, i) => {
    for (const name of (MAY_IMPORT[room] as string).split(' ').filter(Boolean))
      expect(rooms.indexOf(name), `${room} names ${name}`).toBeLessThan(i)
  })
})

test('every room stands in the table and imports only what its row allows', () => {
  const broken = product.flatMap((source) => {
    if (!rooms.includes(source.room)) return [`${source.path}: room ${source.room} has no row in the import table`]
    const allowed = (MAY_IMPORT[source.room] as string).split(' ')
    return source.imports.flatMap(({ specifier, line }) => {
      const room = target(source, specifier)
      return room === null || room === source.room || allowed.includes(room)
        ? []
        : [`${source.path}:${line} ${source.room} may not import ${room}`]
    })
  })
  expect(broken).toEqual([])
})

test('T103 channels import neither each other nor SQL of tasks', () => {
  const tasks = 'packages/server/src/tasks/'
  const broken = product
    .filter(({ path }) => path.startsWith(`${tasks}channels/`))
    .flatMap(({ path, imports }) => {
      const [own = ''] = path.slice(`${tasks}channels/`.length).split('/')
      return imports.flatMap(({ specifier, line }) => {
        if (!specifier.startsWith('.')) return []
        const to = relative(root, resolve(dirname(join(root, path)), specifier))
        if (!to.startsWith(tasks)) return []
        const [, other] = /channels\/([a-z]+)\/[^/]+$/.exec(to) ?? []
        const isForeign = other !== undefined && other !== own
        const isSql = to.endsWith('/sql.ts') && !to.startsWith(`${tasks}channels/${own}/`)
        return isForeign || isSql ? [`${path}:${line} imports ${to}`] : []
      })
    })
  expect(broken).toEqual([])
})

test('no loop of imports exists between files', () => {
  const graph = new Map(
    product.map((source) => [
      source.path,
      source.imports
        .filter(({ specifier }) => specifier.startsWith('.'))
        .map(({ specifier }) => relative(root, resolve(dirname(join(root, source.path)), specifier)))
        // Types vanish at run time, but knowing is importing: they count for rooms (above), not for loops inside a room.
        .filter((path) => !new RegExp(`import type [^;\\n]*${path.split('/').at(-1)?.replace('.', '\\.')}`).test(source.text)),
    ]),
  )
  const loops: string[] = []
  const done = new Set<string>()
  const walk = (path: string, trail: string[]): void => {
    if (trail.includes(path)) {
      loops.push([...trail.slice(trail.indexOf(path)), path].join(' → '))
      return
    }
    if (done.has(path)) return
    for (const next of graph.get(path) ?? []) walk(next, [...trail, path])
    done.add(path)
  }
  for (const path of graph.keys()) walk(path, [])
  expect(loops).toEqual([])
})

test('a library that belongs to one room is imported nowhere else', () => {
  const broken = product.flatMap((source) =>
    source.imports.flatMap(({ specifier, line }) => {
      const rule = ONLY_IN[specifier] ?? ONLY_IN[specifier.split('/')[0] as string]
      return rule && !rule.split(' ').includes(source.room) ? [`${source.path}:${line} ${specifier} belongs to ${rule}`] : []
    }),
  )
  expect(broken).toEqual([])
})

test('SQL stands in sql.ts files and migrations only', () => {
  const statement = /[`'"]\s*(select\s.+\sfrom\s|insert\s+into\s|update\s+\w+\s+set\s|delete\s+from\s|with\s+\w+\s+as\s*\()/i
  // db/ is the room that knows the driver: its statements about roles, catalogue and migrations are its trade.
  expect(grep(statement, (source) => inServer(source) && !source.path.endsWith('/sql.ts') && source.room !== 'db')).toEqual([])
  expect(grep(statement, (source) => source.room === 'queue' && !source.path.endsWith('/sql.ts'))).toEqual([])
})

/** What runs inside of other people's programs, or right before them, and knows no room of ours. */
const isPreload = ({ path }: Source) => /^packages\/server\/src\/cli\/run\/(?:preload\/|(?:isolated|terminal)\.ts$)/.test(path)

test('process.env is read in main/config.ts only', () => {
  const config = 'packages/server/src/main/config.ts'
  expect(grep(/process\.env/, (source) => inServer(source) && source.path !== config && !isPreload(source))).toEqual([])
})

test('verbs never read the clock of the process', () => {
  const ground = ['std', 'cli', 'main']
  expect(grep(/Date\.now\(\)|new Date\(\)/, (source) => inServer(source) && !ground.includes(source.room))).toEqual([])
})

test('an outbound socket is opened in egress/ only, the database driver apart', () => {
  // http/ and main/ listen; they never dial. A run's own machine listens on loopback for its child, and dials the run's proxy alone.
  const listens = ['http', 'main', 'proxy']
  const ofRun = ({ path }: Source) => path.startsWith('packages/server/src/cli/run/')
  expect(grep(/(?<![.\w])fetch\(/, (source) => inServer(source) && source.room !== 'egress')).toEqual([])
  const broken = product
    .filter(inServer)
    .flatMap((source) =>
      source.imports.flatMap(({ specifier, line }) =>
        SOCKETS.includes(specifier) && ![...listens, 'egress', 'db'].includes(source.room) && !ofRun(source)
          ? [`${source.path}:${line} ${specifier} belongs to egress/`]
          : [],
      ),
    )
  expect(broken).toEqual([])
})

test('no folder called utils, lib, shared or common, and no barrel but the two faces', () => {
  expect(
    sources.map((source) => source.path).filter((path) => /\/(utils?|lib|shared|common|helpers?)(\/|\.tsx?$)/.test(path)),
  ).toEqual([])
  const barrels = product.filter(
    (source) => /\/index\.ts$/.test(source.path) && !FACES.includes(source.path) && !source.path.includes('/testing/'),
  )
  expect(barrels.map((source) => source.path)).toEqual([])
})

test('no empty catch and no escape from the type checker', () => {
  expect(grep(/catch\s*(\([^)]*\))?\s*\{\s*\}|@ts-ignore|@ts-nocheck|\bas any\b/, () => true)).toEqual([])
})

test('std/ knows nothing of the product and stays below 300 lines in all', () => {
  const lines = product
    .filter((source) => source.room === 'std' && inServer(source))
    .flatMap((source) => source.text.trimEnd().split('\n'))
  expect(lines.length).toBeLessThanOrEqual(300)
})

test('T164 every word of the dashboard is a message: t() or rich() from its text/', { timeout: 120_000 }, () => {
  const pages = dashboardSources()
  expect(wordsOutside(pages)).toEqual([])
  expect(messagesOf(pages).errors).toEqual([])
})

test('T164 what reads the words finds them where they stand, and what is none it leaves', { timeout: 120_000 }, () => {
  const page = (text: string) => ({ path: 'packages/dashboard/src/page.tsx', text })
  const outside = (text: string) => wordsOutside([page(text)]).map((line) => line.replace(/^[^:]*:\d+: /, ''))
  expect(outside('<p className="text-sm">Held by {name}, <b>you</b></p>')).toEqual(['Held by', 'you'])
  expect(outside('<Card title="votes" tone="info" reason={a ? `$' + '{n} too many` : undefined} />')).toEqual([
    'votes',
    '{} too many',
  ])
  expect(
    outside("const WORDS = { open: 'It is open.', state: 'open', label: 'all' }; announce('yours'); const A = 'Open'"),
  ).toEqual(['It is open.', 'all', 'yours', 'Open'])
  expect(
    outside("t('Held by you'); rich('<b>x</b> y', {}); f('flex gap-2', 'GET /tasks', a === 'two words'); <code>do it</code>"),
  ).toEqual([])
  expect(messagesOf([page("t('{a} of {n, plural, one {one} other {{b}}}', { a, n })")]).errors).toEqual([
    'packages/dashboard/src/page.tsx:1: the message has the places a, b, n and is given a, n',
  ])
  expect(messagesOf([page('t(words)')]).errors).toHaveLength(1)
})
