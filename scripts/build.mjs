// Builds what an installed package consists of: dist/ of sdk, queue and server (esbuild, and declarations for the two libraries), and the dashboard (Vite).
// A part is skipped when nothing it is made of is newer than what it makes, so that a start from a checkout costs a few file stats.
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const at = (...path) => join(root, 'packages', ...path)

const newest = (path) => {
  const stat = statSync(path)
  if (!stat.isDirectory()) return stat.mtimeMs
  let time = 0
  for (const name of readdirSync(path))
    if (name !== 'node_modules' && name !== 'dist') time = Math.max(time, newest(join(path, name)))
  return time
}

const bundle =
  (name, entryPoints, options = {}) =>
  async () => {
    const { build } = await import('esbuild')
    await build({
      absWorkingDir: at(name),
      entryPoints,
      outdir: 'dist',
      outbase: 'src',
      bundle: true,
      format: 'esm',
      packages: 'external',
      logLevel: 'warning',
      sourcemap: true,
      ...options,
    })
  }

/** One after the other. */
const all =
  (...makes) =>
  async () => {
    for (const make of makes) await make()
  }

const adapters = ['langgraph', 'ai', 'openai-agents', 'temporal', 'temporal-worker'].map((name) => `src/adapters/${name}.ts`)

const dashboard = () =>
  new Promise((resolve, reject) => {
    const vite = join(root, 'node_modules', 'vite', 'bin', 'vite.js')
    const child = spawn(process.execPath, [vite, 'build', '--logLevel', 'warn'], {
      cwd: at('dashboard'),
      stdio: ['ignore', 2, 2],
    })
    child.on('error', reject)
    child.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`vite build ended with ${code}`))))
  })

const PARTS = [
  {
    name: 'sdk',
    from: [at('sdk', 'src'), at('sdk', 'package.json')],
    stamp: at('sdk', 'dist', '.built'),
    make: bundle('sdk', ['src/index.ts', 'src/form/form.ts', 'src/testing/index.ts', ...adapters], {
      platform: 'neutral',
      splitting: true,
      target: 'es2022',
      external: ['node:*'],
    }),
  },
  {
    name: 'queue',
    from: [at('queue', 'src'), at('queue', 'package.json')],
    stamp: at('queue', 'dist', '.built'),
    make: bundle('queue', ['src/index.ts', 'src/adapters.ts', 'src/testing.ts'], {
      platform: 'node',
      target: 'node20',
      splitting: true, // one class of errors and one of everything else, whichever door it came through
    }),
  },
  {
    name: 'server',
    from: [at('server', 'src'), at('server', 'package.json')],
    stamp: at('server', 'dist', '.built'),
    make: all(
      bundle(
        'server',
        { cli: 'src/cli/main.ts' },
        // Split where a command loads what it needs as it acts: cli.js is the commands, the server comes with the first that wants it.
        { platform: 'node', target: 'node20', outbase: undefined, splitting: true },
      ),
      // Loaded into other people's programs by `countersign run`: no dependency, no module system but the oldest, and as little as can be before it is needed.
      bundle(
        'server',
        {
          preload: 'src/cli/run/preload/preload.ts',
          'preload-dispatcher': 'src/cli/run/preload/dispatcher.ts',
          isolated: 'src/cli/run/isolated.ts',
          terminal: 'src/cli/run/terminal.ts',
        },
        {
          platform: 'node',
          target: 'node18',
          outbase: undefined,
          format: 'cjs',
          outExtension: { '.js': '.cjs' },
          packages: 'bundle',
          minify: true,
          sourcemap: false,
        },
      ),
    ),
  },
  {
    name: 'dashboard',
    from: [
      at('dashboard', 'src'),
      at('dashboard', 'index.html'),
      at('dashboard', 'vite.config.ts'),
      at('dashboard', 'package.json'),
      at('sdk', 'src'),
    ],
    stamp: at('server', 'public', '.built'),
    make: dashboard,
  },
]

const isStale = (part) => !existsSync(part.stamp) || part.from.some((path) => newest(path) > statSync(part.stamp).mtimeMs)

/** Builds the parts whose sources are newer than their output; `names` limits it. Says on stderr what it builds. */
export async function buildIfStale(names = PARTS.map((part) => part.name)) {
  const stale = PARTS.filter((part) => names.includes(part.name) && isStale(part))
  if (stale.length === 0) return
  process.stderr.write(`building ${stale.map((part) => part.name).join(', ')} …\n`)
  await Promise.all(
    stale.map(async (part) => {
      const started = new Date()
      await part.make()
      writeFileSync(part.stamp, '')
      // A source saved while we built must count as newer.
      utimesSync(part.stamp, started, started)
    }),
  )
}

/** Declarations of the two published libraries. */
async function declarations() {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  for (const name of ['sdk', 'queue'])
    await new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [tsc, '-p', join(root, 'packages', name, 'tsconfig.build.json')], {
        stdio: 'inherit',
      })
      child.on('error', reject)
      child.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`declarations of ${name} failed`))))
    })
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  // What is packed is of this build alone: the parts of a split bundle are named after their content, and old ones would stay.
  for (const name of ['sdk', 'queue', 'server']) rmSync(at(name, 'dist'), { recursive: true, force: true })
  await buildIfStale()
  await declarations()
}
