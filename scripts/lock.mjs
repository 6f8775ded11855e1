// npm run lock: writes package-lock.json for every platform. npm leaves out optional packages of other platforms that it cannot see while it writes the file, and
// `npm ci` then refuses the lock on any machine; their names say for which system each is.
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const file = `${root}package-lock.json`

const SYSTEMS = {
  android: 'android',
  darwin: 'darwin',
  freebsd: 'freebsd',
  linux: 'linux',
  openharmony: 'openharmony',
  win32: 'win32',
  windows: 'win32',
}
const PROCESSORS = {
  arm64: 'arm64',
  aarch64: 'arm64',
  x64: 'x64',
  ia32: 'ia32',
  arm: 'arm',
  armv7: 'arm',
  ppc64: 'ppc64',
  riscv64: 'riscv64',
  s390x: 's390x',
  wasm32: 'wasm32',
  mips64el: 'mips64el',
  loong64: 'loong64',
}

/** `@scope/name-linux-arm64-musl` is for linux, arm64 and musl. */
function systemOf(name) {
  const words = name.split('/').at(-1).split('-')
  const os = words.map((word) => SYSTEMS[word]).filter(Boolean)
  const cpu = words.map((word) => PROCESSORS[word]).filter(Boolean)
  const libc = words.some((word) => word.startsWith('musl'))
    ? ['musl']
    : words.some((word) => word.startsWith('gnu'))
      ? ['glibc']
      : []
  return { ...(cpu.length ? { cpu } : {}), ...(os.length ? { os } : {}), ...(libc.length && os[0] === 'linux' ? { libc } : {}) }
}

const { status } = spawnSync('npm', ['install', '--package-lock-only', '--ignore-scripts'], { cwd: root, stdio: 'inherit' })
if (status !== 0) process.exit(status ?? 1)

const lock = JSON.parse(readFileSync(file, 'utf8'))
const added = []
for (const [path, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const places = [`${path}/node_modules/${name}`, `node_modules/${name}`]
    const system = systemOf(name)
    // A real optional dependency, not one of a platform: npm resolves it by itself.
    if (places.some((place) => lock.packages[place]) || !system.cpu || !/^\d/.test(version)) continue
    lock.packages[`node_modules/${name}`] = {
      version,
      ...system,
      ...(entry.dev ? { dev: true } : {}),
      optional: true,
      engines: entry.engines,
    }
    added.push(`${name}@${version}`)
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)))
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`)
process.stdout.write(`package-lock.json: ${added.length} packages of other platforms added\n`)
