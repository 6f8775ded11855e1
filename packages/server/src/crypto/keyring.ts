// The root key and what is derived from it (P123, P125, V65). The file holds every version, so that rotation has a place to stand.
// Never prints a key, never uses the root itself as a cipher key, never creates a second root where sealed rows need the first.
import { hkdfSync, randomBytes } from 'node:crypto'
import { constants, type Stats } from 'node:fs'
import { link, lstat, mkdir, open, unlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { unwrapKey, type WrappingKey, wrapKey } from './seal.ts'
import { hmacSha256, randomToken, sameBytes } from './token.ts'

/** One key per purpose; none serves two (P125). `wrap` is the key that wraps tenant keys. */
export type Purpose =
  | 'cursor'
  | 'unsubscribe'
  | 'mail-link'
  | 'pepper'
  | 'bucket'
  | 'audit-sign'
  | 'webhook-ed25519'
  | 'receipt'
  | 'relay-sign'
  | 'reply'
  | 'backup'
  | 'form'
  | 'wrap'

export type Keyring = {
  /** The version that seals and signs; every version opens and verifies. */
  readonly current: number
  readonly versions: readonly number[]
  purpose(name: Purpose, version?: number): Buffer
  /** 8 hex that tell two keys apart and say nothing about either. */
  fingerprint(version?: number): string
  wrapTenantKey(tenant: string, version: number, key: Buffer): Buffer
  unwrapTenantKey(tenant: string, version: number, wrapped: Buffer): Buffer
}

/** Why a root key is refused, as a sentence; the process ends with exit code 78 (`key.root`). */
export class KeyRefused extends Error {
  readonly code = 'key.root'
  constructor(sentence: string) {
    super(sentence)
    this.name = 'KeyRefused'
  }
}

export type RootKey = { keyring: Keyring; file: string; created: boolean }

const LINE = /^(\d{1,9}) (current|accepted) ([A-Za-z0-9+/]{43}=)$/
const BARE = /^[A-Za-z0-9+/]{43}=$/
const PUBLISHED = ['000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f', '07'.repeat(32)]

/** `file:<path>`. A missing file is created when `mayCreate` says that no sealed row exists yet. */
export async function loadRootKey(
  source: string,
  mayCreate: () => boolean | Promise<boolean>,
  uid = process.getuid?.() ?? 0,
): Promise<RootKey> {
  const file = /^file:(.+)$/.exec(source)?.[1]
  if (!file)
    throw new KeyRefused(`ROOT_KEY is "${source.split(':')[0]}:…", but this version reads root keys from file:<path> only.`)
  const created = (await statOf(file)) === null
  if (created) {
    if (!(await mayCreate()))
      throw new KeyRefused(
        `The root key file ${file} is missing, but the database holds rows sealed under it. Put the file back; a new key could not open them.`,
      )
    await createKeyFile(file)
  }
  return { keyring: makeKeyring(parseKeyFile(await readKeyFile(file, uid), file)), file, created }
}

async function statOf(path: string): Promise<Stats | null> {
  return lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw new KeyRefused(`The root key file ${path} cannot be looked at (${error.code}).`)
  })
}

/** Written beside and then linked, so that of two first starts one key wins and neither reads half a file. */
async function createKeyFile(file: string): Promise<void> {
  const folder = dirname(file)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const draft = join(folder, `.${randomToken(9)}`)
  const lines = [
    '# The root key of this installation: whoever reads it can open everything that is sealed.',
    '# Keep a copy apart from the backups of the database. Without it, sealed rows are lost.',
    `1 current ${randomBytes(32).toString('base64')}`,
  ]
  await writeFile(draft, `${lines.join('\n')}\n`, { mode: 0o600, flag: 'wx' })
  try {
    await link(draft, file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    await unlink(draft)
  }
}

/** Reads through the descriptor that was judged, so that the file cannot be exchanged in between. */
async function readKeyFile(file: string, uid: number): Promise<string> {
  if ((await statOf(file))?.isSymbolicLink())
    throw new KeyRefused(`The root key file ${file} is a symbolic link; name the file itself.`)
  const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    (error: NodeJS.ErrnoException) => {
      throw new KeyRefused(`The root key file ${file} cannot be opened (${error.code}).`)
    },
  )
  try {
    const stat = await handle.stat()
    if (!stat.isFile()) throw new KeyRefused(`The root key ${file} is not a regular file.`)
    if (stat.uid !== uid && stat.uid !== 0)
      throw new KeyRefused(`The root key file ${file} belongs to another user (uid ${stat.uid}).`)
    if (stat.mode & 0o077)
      throw new KeyRefused(
        `The root key file ${file} has mode ${(stat.mode & 0o777).toString(8)}: others can reach it. Run chmod 600 on it, and rotate the key if others had access.`,
      )
    const folder = await statOf(dirname(file))
    if (folder && folder.mode & 0o022)
      throw new KeyRefused(`The folder of the root key file ${file} can be written by others. Run chmod go-w on it.`)
    if (stat.size > 65_536) throw new KeyRefused(`The root key file ${file} is too large to be one.`)
    return await handle.readFile('utf8')
  } finally {
    await handle.close()
  }
}

type Versions = WrappingKey

/** Either one bare base64 key (version 1), or lines `<version> current|accepted <base64>`. */
export function parseKeyFile(text: string, file = 'root key'): Versions {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
  const first = lines[0] ?? ''
  const entries =
    lines.length === 1 && BARE.test(first)
      ? [{ version: 1, state: 'current', key: first }]
      : lines.map((line, i) => parseLine(line, i, file))
  const versions = new Map<number, Buffer>()
  for (const { version, key } of entries) {
    const bytes = Buffer.from(key, 'base64')
    refuseWeak(bytes, file)
    if (versions.has(version)) throw new KeyRefused(`The root key file ${file} has version ${version} twice.`)
    if ([...versions.values()].some((other) => sameBytes(other, bytes)))
      throw new KeyRefused(`The root key file ${file} uses one key for two versions.`)
    versions.set(version, bytes)
  }
  const current = entries.filter((entry) => entry.state === 'current')
  if (current.length !== 1 || !current[0])
    throw new KeyRefused(`The root key file ${file} must have exactly one current version.`)
  return { current: current[0].version, versions }
}

function parseLine(line: string, index: number, file: string) {
  const [, version, state, key] = LINE.exec(line) ?? []
  if (!version || !state || !key || Number(version) < 1)
    throw new KeyRefused(
      `Line ${index + 1} of the root key file ${file} is not "<version> current|accepted <32 bytes in base64>".`,
    )
  return { version: Number(version), state, key }
}

function refuseWeak(key: Buffer, file: string): void {
  if (new Set(key).size < 8)
    throw new KeyRefused(`The root key in ${file} repeats a few bytes; it is a default or was not made at random.`)
  if (PUBLISHED.includes(key.toString('hex')) || /^[\x20-\x7e]+$/.test(key.toString('latin1')))
    throw new KeyRefused(`The root key in ${file} is a published example or a readable text; make 32 random bytes.`)
}

export function makeKeyring(root: Versions): Keyring {
  const derived = new Map<string, Buffer>()
  const secretOf = (version: number): Buffer => {
    const secret = root.versions.get(version)
    if (!secret) throw new RangeError(`Version ${version} of the root key is not here.`)
    return secret
  }
  const purpose = (name: Purpose, version = root.current): Buffer => {
    const info = `${name}/v${version}`
    const known = derived.get(info) ?? Buffer.from(hkdfSync('sha256', secretOf(version), 'countersign/v1', info, 32))
    derived.set(info, known)
    return known
  }
  // HKDF's input key must not be a cipher key as well, so tenant keys are wrapped by a derived one.
  const wrapping: WrappingKey = {
    current: root.current,
    versions: new Map([...root.versions.keys()].map((version) => [version, purpose('wrap', version)])),
  }
  return {
    current: root.current,
    versions: [...root.versions.keys()],
    purpose,
    fingerprint: (version = root.current) =>
      hmacSha256(secretOf(version), 'countersign/fingerprint/v1').toString('hex').slice(0, 8),
    wrapTenantKey: (tenant, version, key) => wrapKey(wrapping, tenant, version, key),
    unwrapTenantKey: (tenant, version, wrapped) => unwrapKey(wrapping, tenant, version, wrapped),
  }
}

/** What a log shows in place of an e-mail (P132): the same person the same text, to this installation only. */
export const pseudonymOf =
  (keyring: Keyring) =>
  (email: string): string =>
    `u:${hmacSha256(keyring.purpose('bucket'), email.toLowerCase()).toString('hex').slice(0, 8)}`
