// npm run generate: everything that is made from code. With --check it writes nothing and fails when a file is stale.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildSync } from 'esbuild'
import { CLIENT_PROBLEMS, PROBLEMS } from '../packages/sdk/src/catalogue.ts'
import { errorsMarkdown } from '../packages/sdk/src/catalogue-page.ts'
import { exitCodesPage } from '../packages/server/src/cli/exit-codes.ts'
import { webhookOperations } from '../packages/server/src/events/schema.ts'
import { apiPage } from '../packages/server/src/http/api-page.ts'
import { openApiDocument } from '../packages/server/src/http/openapi.ts'
import { wireTypes } from '../packages/server/src/http/wire-types.ts'
import { renderConfigPage } from '../packages/server/src/main/config.ts'
import { describeRoutes } from '../packages/server/src/main/rooms.ts'
import { version } from '../packages/server/src/main/version.ts'
import { englishFile } from './text.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const { routes, rootRoutes } = describeRoutes()

const FILES: Record<string, () => string> = {
  'docs/errors.md': errorsMarkdown,
  'docs/config.md': renderConfigPage,
  'docs/cli/exit-codes.md': exitCodesPage,
  'docs/api.md': () => apiPage(routes, rootRoutes),
  'docs/openapi.json': () =>
    `${JSON.stringify(openApiDocument(routes, { version: version(), rootRoutes, webhooks: webhookOperations() }), null, 2)}\n`,
  'packages/dashboard/src/text/languages/en.json': () => englishFile(saidOfProblems()),
  'packages/server/data/verify.mjs': verifierScript,
  'packages/sdk/src/wire.ts': () => formatted('wire.ts', wireTypes(routes)),
}

/** What the dashboard says of a problem that it has no words of its own for. */
const saidOfProblems = (): string[] =>
  Object.values({ ...PROBLEMS, ...CLIENT_PROBLEMS }).flatMap(({ title, advice }) => [title, advice])

/** The verifier of exports and receipts as a script of one file, for whoever trusts nothing else of ours (P119). */
function verifierScript(): string {
  const { outputFiles } = buildSync({
    entryPoints: [join(root, 'packages/server/src/events/audit/standalone.ts')],
    ...{ bundle: true, write: false, platform: 'node', format: 'esm', target: 'node20', charset: 'utf8', legalComments: 'none' },
    banner: { js: '// Generated from packages/server/src/events/audit by npm run generate. Needs Node 20 and nothing else.' },
  })
  return (outputFiles[0] as { text: string }).text
}

/** As the formatter would write it, so that a check of format and a check of freshness never disagree. */
function formatted(name: string, text: string): string {
  const biome = join(root, 'node_modules/@biomejs/biome/bin/biome')
  const { status, stdout, stderr } = spawnSync(process.execPath, [biome, 'format', `--stdin-file-path=${name}`], {
    cwd: root,
    input: text,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  if (status !== 0) throw new Error(stderr)
  return stdout
}

const checks = process.argv.includes('--check')
const stale = Object.entries(FILES).filter(([path, make]) => {
  const file = join(root, path)
  const text = make()
  if (existsSync(file) && readFileSync(file, 'utf8') === text) return false
  if (!checks) writeFileSync(file, text)
  return true
})
for (const [path] of stale) process.stdout.write(checks ? `${path} is stale: run npm run generate\n` : `wrote ${path}\n`)
process.exit(checks && stale.length > 0 ? 1 : 0)
