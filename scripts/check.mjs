// npm run check: format, lint, types, dead code, law, generated files, API description. One line a step; the output of a failing step follows it.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const bin = (path) => [process.execPath, `node_modules/${path}`]

const STEPS = [
  [
    'format and lint',
    ...bin('@biomejs/biome/bin/biome'),
    'ci',
    '--error-on-warnings',
    '--colors=off',
    '--max-diagnostics=30',
    '.',
  ],
  ['types', ...bin('typescript/bin/tsc'), '-p', 'tsconfig.json'],
  ['dead code', ...bin('knip/bin/knip.js')],
  ['law', ...bin('vitest/vitest.mjs'), 'run', '--config', 'test/law.config.ts', '--reporter=dot'],
  ['generated files', process.execPath, '--import', 'tsx', 'scripts/generate.ts', '--check'],
  ['bundled definitions', process.execPath, '--import', 'tsx', 'scripts/bundle-age.mjs'],
  ['API description', ...bin('@redocly/cli/bin/cli.js'), 'lint', 'docs/openapi.json'],
]

const run = ([name, command, ...args]) =>
  new Promise((resolve) => {
    const started = performance.now()
    let output = ''
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, FORCE_COLOR: '0', NO_COLOR: '1', REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' },
    })
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
    child.on('close', (code) => {
      process.stdout.write(
        `${code === 0 ? 'ok  ' : 'FAIL'} ${name} (${((performance.now() - started) / 1000).toFixed(1)} s)\n${code === 0 ? '' : output}`,
      )
      resolve(code === 0)
    })
  })

let good = true
// One after the other: the machine may have two cores, and each step uses them.
for (const step of STEPS) good = (await run(step)) && good
process.exit(good ? 0 : 1)
