// Every example that the docstrings and the README show is compiled, and the README's test of an agent is run.

import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { expect, onTestFinished, test, vi } from 'vitest'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const sdk = join(root, 'packages/sdk')
const ADAPTERS = ['ai', 'langgraph', 'openai-agents', 'temporal', 'temporal-worker']

function examplesOf(path: string): string[] {
  const text = readFileSync(path, 'utf8')
  const blocks = [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code as string)
  return path.endsWith('.ts') ? blocks.map((code) => code.replace(/^\s*\* ?/gm, '')) : blocks
}

const sources = readdirSync(join(sdk, 'src'), { recursive: true, encoding: 'utf8' }).filter(
  (path) => path.endsWith('.ts') && !path.endsWith('.test.ts'),
)
const readme = examplesOf(join(sdk, 'README.md'))

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'sdk-examples-'))
  onTestFinished(() => rmSync(path, { recursive: true }))
  return path
}

test('T135 every example compiles as it stands', () => {
  const at = folder()
  mkdirSync(join(at, 'examples'))
  const examples = [...sources.flatMap((path) => examplesOf(join(sdk, 'src', path))), ...readme]
  examples.forEach((code, i) => {
    writeFileSync(join(at, `examples/${i}.ts`), `${code}\nexport {}\n`)
  })
  const paths = {
    '@countersign/sdk': [join(sdk, 'src/index.ts')],
    '@countersign/sdk/form': [join(sdk, 'src/form/form.ts')],
    '@countersign/sdk/testing': [join(sdk, 'src/testing/index.ts')],
    ...Object.fromEntries(ADAPTERS.map((name) => [`@countersign/sdk/${name}`, [join(sdk, `src/adapters/${name}.ts`)]])),
    ai: [join(root, 'node_modules/ai/dist/index.d.ts')],
    '@openai/agents': [join(root, 'node_modules/@openai/agents/dist/index.d.ts')],
    zod: [join(root, 'node_modules/zod/index.d.ts')],
  }
  const compilerOptions = { paths, typeRoots: [join(root, 'node_modules/@types')] }
  writeFileSync(join(at, 'package.json'), '{"type":"module"}')
  writeFileSync(
    join(at, 'tsconfig.json'),
    JSON.stringify({ extends: join(root, 'tsconfig.json'), compilerOptions, include: ['examples'] }),
  )
  expect(examples.length).toBeGreaterThan(30)
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const { status, stdout, stderr } = spawnSync(process.execPath, [tsc, '-p', at], { encoding: 'utf8' })
  expect([status, stdout, stderr]).toEqual([0, '', ''])
})

test('T141 the test of an agent in the README runs', async () => {
  const at = folder()
  const contents = readme.find((code) => code.includes('testServer()')) as string
  const alias = { '@countersign/sdk': join(sdk, 'src/index.ts'), '@countersign/sdk/testing': join(sdk, 'src/testing/index.ts') }
  const outfile = join(at, 'agent.mjs')
  await build({
    stdin: { contents, loader: 'ts', resolveDir: at },
    alias,
    bundle: true,
    format: 'esm',
    target: 'es2022',
    outfile,
  })
  const log = vi.spyOn(console, 'log').mockReturnValue()
  onTestFinished(() => log.mockRestore())
  await import(/* @vite-ignore */ pathToFileURL(outfile).href)
  expect(log.mock.calls).toEqual([[true, 1]])
})
