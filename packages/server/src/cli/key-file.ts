// The private halves of agents' key pairs: made on this machine, each in a file of its own that nobody else may read, by the rules of V65. Never prints one, never sends one,
// never overwrites one.
import {
  closeSync,
  constants,
  fstatSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { thumbprintOf } from '@countersign/sdk'
import { ConfigRefused, type Environment } from '../main/config.ts'

export type KeyFile = { thumbprint: string; url: string; made_at: string; jwk: JsonWebKey }

const LARGEST = 4_096
const BYTES_32 = /^[A-Za-z0-9_-]{43}$/
/** Keys that stand in examples (RFC 8037, RFC 7515): whoever copies one has no key. */
const PUBLISHED = ['nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A', 'jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI']

export const keyFileOf = (env: Environment, thumbprint: string): string =>
  join(env.XDG_CONFIG_HOME || join(env.HOME ?? '.', '.config'), 'countersign', 'keys', `${thumbprint}.json`)

/** A new pair of Ed25519, written down before anybody hears of it. */
export async function makeKeyFile(env: Environment, url: string, now: Date): Promise<{ file: string; key: KeyFile }> {
  const pair = (await crypto.subtle.generateKey({ name: 'Ed25519' }, true, ['sign', 'verify'])) as CryptoKeyPair
  const { kty, crv, x, d } = await crypto.subtle.exportKey('jwk', pair.privateKey)
  const jwk = { kty, crv, x, d }
  const key = { thumbprint: await thumbprintOf(jwk), url, made_at: now.toISOString(), jwk }
  const file = keyFileOf(env, key.thumbprint)
  createClosed(file, `${JSON.stringify(key, null, 2)}\n`)
  return { file, key }
}

/** Whole or not at all, and never in the place of another. */
function createClosed(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const draft = `${file}.${process.pid}.new`
  writeFileSync(draft, text, { mode: 0o600, flag: 'wx' })
  try {
    linkSync(draft, file)
  } finally {
    unlinkSync(draft)
  }
}

const refuse = (why: string): never => {
  throw new ConfigRefused([why])
}

/** Judged on the descriptor that is read, so that the file cannot be exchanged in between. */
export function readKeyFile(file: string, uid = process.getuid?.() ?? 0): KeyFile {
  const descriptor = openClosed(file)
  try {
    const stat = fstatSync(descriptor)
    if (!stat.isFile()) refuse(`key.root: ${file} is not a regular file.`)
    if (stat.uid !== uid && stat.uid !== 0) refuse(`key.root: ${file} belongs to another user (uid ${stat.uid}).`)
    if (stat.mode & 0o077)
      refuse(
        `key.root: ${file} has mode ${(stat.mode & 0o777).toString(8)}: others can reach it. Run chmod 600 on it, and rotate the key if others had access.`,
      )
    if (lstatSync(dirname(file)).mode & 0o022)
      refuse(`key.root: the folder of ${file} can be written by others. Run chmod go-w on it.`)
    if (stat.size > LARGEST) refuse(`key.root: ${file} is too large to be a key.`)
    return readKey(file, readFileSync(descriptor, 'utf8'))
  } finally {
    closeSync(descriptor)
  }
}

function openClosed(file: string): number {
  try {
    if (lstatSync(file).isSymbolicLink()) refuse(`key.root: ${file} is a symbolic link; name the file itself.`)
    return openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === undefined) throw error
    return refuse(`key.root: ${file} cannot be opened (${code}).`)
  }
}

function readKey(file: string, text: string): KeyFile {
  let key: Partial<KeyFile> | null = null
  try {
    key = JSON.parse(text) as Partial<KeyFile> | null
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  const d = key?.jwk?.d
  if (typeof key?.thumbprint !== 'string' || typeof d !== 'string' || !BYTES_32.test(d))
    return refuse(`key.root: ${file} holds no private key.`)
  const bytes = Buffer.from(d, 'base64url')
  if (bytes.every((byte) => byte === bytes[0])) refuse(`key.root: ${file} holds one byte again and again, and no key.`)
  if (PUBLISHED.includes(d)) refuse(`key.root: ${file} holds the key of a published example.`)
  return key as KeyFile
}
