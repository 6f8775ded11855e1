// The file of a root key and the text in it (V65): every rule is checked on the descriptor that is read. The text may also come from elsewhere.
// Never shows a key in a sentence, never leaves half a file, never follows a link, never reads a file that others can reach.
import { constants, type Stats } from 'node:fs'
import { link, lstat, mkdir, open, rename, unlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { KeyRefused } from './keyring.ts'
import type { WrappingKey } from './seal.ts'
import { randomBytes, randomToken, sameBytes } from './token.ts'

const LINE = /^(\d{1,9}) (current|accepted) ([A-Za-z0-9+/]{43}=)$/
const BARE = /^[A-Za-z0-9+/]{43}=$/
// Keys that stand in examples, ours and others': whoever copies one has no key.
const PUBLISHED = ['000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f', '07'.repeat(32)]
const LARGEST = 65_536

const own = () => process.getuid?.() ?? 0

export async function statOf(path: string, what = 'root key'): Promise<Stats | null> {
  return lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw new KeyRefused(`The ${what} file ${path} cannot be looked at (${error.code}).`)
  })
}

export function createKeyFile(file: string): Promise<void> {
  const lines = [
    '# The root key of this installation: whoever reads it can open everything that is sealed.',
    '# Keep a copy apart from the backups of the database. Without it, sealed rows are lost.',
    `1 current ${randomBytes(32).toString('base64')}`,
  ]
  return createClosedFile(file, `${lines.join('\n')}\n`)
}

/** Written beside and then linked, so that of two first starts one key wins and neither reads half a file. */
export async function createClosedFile(file: string, text: string): Promise<void> {
  const folder = dirname(file)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const draft = join(folder, `.${randomToken(9)}`)
  await writeFile(draft, text, { mode: 0o600, flag: 'wx' })
  try {
    await link(draft, file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    await unlink(draft)
  }
}

/** Reads through the descriptor that was judged, so that the file cannot be exchanged in between. */
export const readKeyFile = (file: string, uid = own()): Promise<string> => readClosedFile(file, 'root key', uid)

/** The same rules for another key: `what` is how it is called where one is broken. */
export async function readClosedFile(file: string, what: string, uid = own()): Promise<string> {
  if ((await statOf(file, what))?.isSymbolicLink())
    throw new KeyRefused(`The ${what} file ${file} is a symbolic link; name the file itself.`)
  const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    (error: NodeJS.ErrnoException) => {
      throw new KeyRefused(`The ${what} file ${file} cannot be opened (${error.code}).`)
    },
  )
  try {
    const stat = await handle.stat()
    if (!stat.isFile()) throw new KeyRefused(`The ${what} ${file} is not a regular file.`)
    if (stat.uid !== uid && stat.uid !== 0)
      throw new KeyRefused(`The ${what} file ${file} belongs to another user (uid ${stat.uid}).`)
    if (stat.mode & 0o077)
      throw new KeyRefused(
        `The ${what} file ${file} has mode ${(stat.mode & 0o777).toString(8)}: others can reach it. Run chmod 600 on it, and rotate the key if others had access.`,
      )
    const folder = await statOf(dirname(file), what)
    if (folder && folder.mode & 0o022)
      throw new KeyRefused(`The folder of the ${what} file ${file} can be written by others. Run chmod go-w on it.`)
    if (stat.size > LARGEST) throw new KeyRefused(`The ${what} file ${file} is too large to be one.`)
    return await handle.readFile('utf8')
  } finally {
    await handle.close()
  }
}

/** Either one bare base64 key (version 1), or lines `<version> current|accepted <base64>`. */
export function parseKeyText(text: string, where: string): WrappingKey {
  const entries = entriesOf(text, where)
  const versions = new Map<number, Buffer>()
  for (const { version, key } of entries) {
    const bytes = Buffer.from(key, 'base64')
    refuseWeak(bytes, where)
    if (versions.has(version)) throw new KeyRefused(`The root key in ${where} has version ${version} twice.`)
    if ([...versions.values()].some((other) => sameBytes(other, bytes)))
      throw new KeyRefused(`The root key in ${where} uses one key for two versions.`)
    versions.set(version, bytes)
  }
  const current = entries.filter((entry) => entry.state === 'current')
  if (current.length !== 1 || !current[0]) throw new KeyRefused(`The root key in ${where} must have exactly one current version.`)
  return { current: current[0].version, versions }
}

const isComment = (line: string) => line === '' || line.startsWith('#')

function entriesOf(text: string, where: string) {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => !isComment(line))
  const first = lines[0] ?? ''
  return lines.length === 1 && BARE.test(first)
    ? [{ version: 1, state: 'current', key: first }]
    : lines.map((line, i) => parseLine(line, i, where))
}

function parseLine(line: string, index: number, where: string) {
  const [, version, state, key] = LINE.exec(line) ?? []
  if (!version || !state || !key || Number(version) < 1)
    throw new KeyRefused(
      `Line ${index + 1} of the root key in ${where} is not "<version> current|accepted <32 bytes in base64>".`,
    )
  return { version: Number(version), state, key }
}

function refuseWeak(key: Buffer, where: string): void {
  if (new Set(key).size < 8)
    throw new KeyRefused(`The root key in ${where} repeats a few bytes; it is a default or was not made at random.`)
  if (PUBLISHED.includes(key.toString('hex')) || /^[\x20-\x7e]+$/.test(key.toString('latin1')))
    throw new KeyRefused(`The root key in ${where} is a published example or a readable text; make 32 random bytes.`)
}

/** A further version, accepted and not yet used. Comments and the other lines stay. */
export const addToKeyFile = (file: string, version: number, secret: Buffer, uid = own()): Promise<void> =>
  changeKeyFile(file, uid, (lines) => [...lines, `${version} accepted ${secret.toString('base64')}`])

/** Takes a destroyed version out. The word `current` goes to the newest that stays, for a start without a database row to ask. */
export const removeFromKeyFile = (file: string, version: number, uid = own()): Promise<void> =>
  changeKeyFile(file, uid, (lines) => {
    const left = lines.filter((line) => Number(LINE.exec(line.trim())?.[1]) !== version)
    if (left.some((line) => / current /.test(line))) return left
    const newest = Math.max(...left.flatMap((line) => Number(LINE.exec(line.trim())?.[1] ?? 0)))
    return left.map((line) => (line.startsWith(`${newest} `) ? line.replace(' accepted ', ' current ') : line))
  })

async function changeKeyFile(file: string, uid: number, change: (lines: string[]) => string[]): Promise<void> {
  const lines = (await readKeyFile(file, uid)).trimEnd().split('\n')
  const text = `${change(lines.map((line) => (BARE.test(line.trim()) ? `1 current ${line.trim()}` : line))).join('\n')}\n`
  parseKeyText(text, file)
  const draft = join(dirname(file), `.${randomToken(9)}`)
  try {
    const handle = await open(draft, 'wx', 0o600)
    try {
      await handle.writeFile(text)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(draft, file)
  } catch (error) {
    await unlink(draft).catch((late: NodeJS.ErrnoException) => {
      if (late.code !== 'ENOENT') throw late
    })
    throw new KeyRefused(
      `The root key file ${file} cannot be written here (${(error as NodeJS.ErrnoException).code}). Write the line into it yourself, on every machine.`,
      { cause: error },
    )
  }
}
