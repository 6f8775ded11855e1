// What an installed package promises to runtimes that are not Node: no import that they lack, and a door of documented exports.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { expect, test } from 'vitest'
import * as sdk from '../src/index.ts'

const at = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url))

test.each(['src/index.ts', 'src/form/form.ts', 'src/testing/index.ts'])(
  'T140 %s bundles for a browser without any import left',
  async (entry) => {
    const result = await build({
      entryPoints: [at(entry)],
      bundle: true,
      write: false,
      format: 'esm',
      platform: 'browser',
      target: 'es2022',
      metafile: true,
      logLevel: 'silent',
    })
    expect(Object.values(result.metafile.outputs).flatMap(({ imports }) => imports)).toEqual([])
    const code = result.outputFiles[0]?.text ?? 'import('
    for (const word of ['import(', 'require(']) expect(code.includes(word), word).toBe(false)
    expect(result.warnings).toEqual([])
  },
)

test('T134 the package depends on nothing; the frameworks that subpaths adapt are optional peers', () => {
  const manifest = JSON.parse(readFileSync(at('package.json'), 'utf8')) as Record<string, unknown>
  expect([manifest.dependencies, manifest.optionalDependencies]).toEqual([undefined, undefined])
  const peers = Object.keys(manifest.peerDependencies as object)
  expect(manifest.peerDependenciesMeta).toEqual(Object.fromEntries(peers.map((name) => [name, { optional: true }])))
})

test('every function, class and table that is exported has a docstring with an example', async () => {
  const face = readFileSync(at('src/index.ts'), 'utf8')
  const sources = [...face.matchAll(/from '(\.\/[^']+)'/g)].map(([, path]) =>
    readFileSync(at(`src/${(path as string).slice(2)}`), 'utf8'),
  )
  const lacking = Object.keys(sdk).filter((name) => {
    const declared = new RegExp(`\\*/\\nexport (?:async )?(?:function|class|const) ${name}\\b`)
    return !sources.some((text) => {
      const match = declared.exec(text)
      return match && text.slice(text.lastIndexOf('/**', match.index), match.index).includes('@example')
    })
  })
  expect(lacking).toEqual([])
})
