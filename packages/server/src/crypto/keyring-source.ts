// Where the root key comes from (P123, V63): what the settings name, else what is found, in one order that the start-up line tells.
// Never chooses between two keys of one version, never falls back without saying so, never makes a second root where sealed rows need the first.
import { join } from 'node:path'
import { fingerprintOf, KeyRefused } from './keyring.ts'
import { addToKeyFile, createKeyFile, parseKeyText, readKeyFile, removeFromKeyFile, statOf } from './keyring-file.ts'
import { execKms, type Kms } from './keyring-kms.ts'
import { type PostJson, parseTransit, transitKms } from './keyring-transit.ts'
import type { WrappingKey } from './seal.ts'
import type { Secret } from './secret.ts'
import { sameBytes } from './token.ts'

export const SOURCE_KINDS = ['file', 'exec', 'vault-transit', 'env', 'env-file', 'keyring', 'memory'] as const
export type SourceKind = (typeof SOURCE_KINDS)[number]

export type RootSource = {
  readonly kind: SourceKind
  /** As it may be printed. */
  readonly name: string
  /** What wraps for it; null where the source holds the keys themselves. */
  readonly kms: Kms | null
  /** The versions that lie in it; null: none, as with every KMS. Throws KeyRefused for what breaks a rule. */
  read(): Promise<WrappingKey | null>
  /** Where it can be written. */
  add?(version: number, secret: Buffer): Promise<void>
  remove?(version: number): Promise<void>
}

export type Skipped = { source: string; reason: string; isLoud: boolean }
export type Roots = { sources: readonly RootSource[]; skipped: readonly Skipped[]; warnings: readonly string[]; created: boolean }

/** What `@napi-rs/keyring` offers, as far as it is used. */
export type OsKeyring = { Entry: new (service: string, account: string) => { getPassword(): string | null } }

export type RootOptions = {
  /** ROOT_KEY; null: found in the order of V63. */
  given: string | null
  /** Further sources, whose versions open: how one moves from a source to another. */
  also?: readonly string[]
  home: string
  production: boolean
  /** ROOT_KEY_ENV_ACCEPTED */
  envAccepted?: boolean
  variable(name: string): string | undefined
  transit?: { token: Secret | null; post: PostJson }
  /** Other keys of this installation: none of them may be the root key as well. */
  otherSecrets?: readonly { name: string; value: Secret }[]
  /** Whether a root key may be made: no sealed row exists. */
  mayCreate(): boolean | Promise<boolean>
  uid?: number
  osKeyring?: () => Promise<OsKeyring>
}

/** The sources in use, the one that further versions are made in first. */
export async function findRoots(options: RootOptions): Promise<Roots> {
  const warnings: string[] = []
  const skipped: Skipped[] = []
  const also = await Promise.all((options.also ?? []).map((text) => sourceOf(text, options, warnings)))
  const found = await lookAround(options, skipped)
  const { source, created } = await choose(options, found, warnings)
  const sources = [source, ...also.filter(({ name }) => name !== source.name)]
  const unused = found.filter(({ name }) => !sources.some((one) => one.name === name))
  await refuseConflicts([...sources, ...unused])
  await refuseShared(sources, options.otherSecrets ?? [])
  const reason = options.given === null ? `it holds the same key as ${source.name}` : 'ROOT_KEY names another source'
  for (const { name } of unused) skipped.push({ source: name, reason, isLoud: false })
  return { sources, skipped, warnings, created }
}

async function choose(
  options: RootOptions,
  found: readonly RootSource[],
  warnings: string[],
): Promise<{ source: RootSource; created: boolean }> {
  const { given, home, uid } = options
  if (given === null) {
    const [first] = found
    if (first) return { source: first, created: false }
    await create(defaultFile(home), options)
    return { source: fileSource(defaultFile(home), uid), created: true }
  }
  const file = /^file:(.+)$/.exec(given)?.[1]
  const isMissing = file !== undefined && (await statOf(file)) === null
  if (isMissing) await create(file, options)
  const source = await sourceOf(given, options, warnings)
  if (!source.kms && (await source.read()) === null) throw new KeyRefused(`ROOT_KEY is ${source.name}, but no key stands there.`)
  return { source, created: isMissing }
}

const defaultFile = (home: string) => join(home, 'keys', 'root.key')

async function create(file: string, { mayCreate }: RootOptions): Promise<void> {
  if (!(await mayCreate()))
    throw new KeyRefused(
      `The root key file ${file} is missing, but the database holds rows sealed under it. Put the file back; a new key could not open them.`,
    )
  await createKeyFile(file)
}

/** The local places that nobody needs to name, in their order; each that holds nothing is told with its reason. */
async function lookAround(options: RootOptions, skipped: Skipped[]): Promise<RootSource[]> {
  const { home, uid } = options
  const found: RootSource[] = []
  const skip = (source: string, reason: string, isLoud = false) => skipped.push({ source, reason, isLoud })
  const env = join(home, 'countersign.env')
  if ((await statOf(env)) === null) skip(`env-file:${env}#ROOT_KEY`, 'there is no such file')
  else {
    const source = envFileSource(env, 'ROOT_KEY', uid)
    if (await source.read()) found.push(source)
    else skip(source.name, 'ROOT_KEY does not stand in it')
  }
  try {
    const source = await keyringSource('root', options.osKeyring)
    if (await source.read()) found.push(source)
    else skip(source.name, 'it holds no entry')
  } catch (error) {
    if (!(error instanceof KeyRefused)) throw error
    skip('keyring:root', error.message, !(error instanceof NoOsKeyring))
  }
  const file = fileSource(defaultFile(home), uid)
  if ((await statOf(defaultFile(home))) === null) skip(file.name, 'there is no such file')
  else if (options.given === null) found.push(file)
  else
    await file.read().then(
      () => found.push(file),
      (error: unknown) => skip(file.name, sentenceOf(error), true),
    )
  return found
}

function sentenceOf(error: unknown): string {
  if (error instanceof KeyRefused) return error.message
  throw error
}

async function refuseConflicts(sources: readonly RootSource[]): Promise<void> {
  const seen = new Map<number, { name: string; fingerprint: string }>()
  for (const { name, read } of sources) {
    for (const [version, secret] of (await read())?.versions ?? []) {
      const other = seen.get(version)
      const fingerprint = fingerprintOf(secret)
      if (other && other.fingerprint !== fingerprint)
        throw new KeyRefused(
          `${other.name} and ${name} hold different keys of version ${version} (${other.fingerprint} and ${fingerprint}). Keep the one that the database was sealed under.`,
        )
      seen.set(version, { name, fingerprint })
    }
  }
}

async function refuseShared(sources: readonly RootSource[], others: readonly { name: string; value: Secret }[]): Promise<void> {
  for (const { name, read } of sources)
    for (const secret of (await read())?.versions.values() ?? []) {
      const forms = [secret, ...(['base64', 'base64url', 'hex'] as const).map((form) => Buffer.from(secret.toString(form)))]
      const same = others.find(({ value }) => forms.some((form) => sameBytes(form, value.bytes())))
      if (same) throw new KeyRefused(`${name} holds the same key as the setting ${same.name}; one key serves one purpose.`)
    }
}

async function sourceOf(text: string, options: RootOptions, warnings: string[]): Promise<RootSource> {
  const [, kind = '', rest = ''] = /^([a-z-]+):(.+)$/s.exec(text) ?? []
  if (kind === 'file') return fileSource(rest, options.uid)
  if (kind === 'exec') return kmsSource('exec', execKms(rest))
  if (kind === 'env') return envSource(rest, options, warnings)
  if (kind === 'keyring') return keyringSource(rest, options.osKeyring)
  if (kind === 'env-file') {
    const [, path, name] = /^(.+)#([A-Za-z_][A-Za-z0-9_]*)$/.exec(rest) ?? []
    if (path && name) return envFileSource(path, name, options.uid)
    throw new KeyRefused('ROOT_KEY is written env-file:<path>#<NAME>.')
  }
  if (kind === 'vault-transit') return transitSource(rest, options)
  // A key pasted where its place belongs must not be repeated in a log.
  throw new KeyRefused(
    'ROOT_KEY names where the key is: file:<path>, exec:<program>, vault-transit:<url>, env:<NAME>, env-file:<path>#<NAME> or keyring:<account>.',
  )
}

const fileSource = (file: string, uid?: number): RootSource => ({
  kind: 'file',
  name: `file:${file}`,
  kms: null,
  read: async () => parseKeyText(await readKeyFile(file, uid), file),
  add: (version, secret) => addToKeyFile(file, version, secret, uid),
  remove: (version) => removeFromKeyFile(file, version, uid),
})

const kmsSource = (kind: SourceKind, kms: Kms): RootSource => ({ kind, name: kms.id(), kms, read: async () => null })

function transitSource(text: string, { transit }: RootOptions): RootSource {
  const place = parseTransit(text)
  if (!place) throw new KeyRefused('ROOT_KEY is written vault-transit:https://<host>/<mount>/<key>.')
  if (!transit?.token) throw new KeyRefused('vault-transit needs COUNTERSIGN_ROOT_KEY_VAULT_TOKEN or its _FILE form.')
  return kmsSource('vault-transit', transitKms(place, transit.token, transit.post))
}

/** Several versions in one line are parted by `;`, since a variable rarely holds line breaks. */
const parseValue = (value: string, where: string): WrappingKey => parseKeyText(value.replaceAll(';', '\n'), where)

function envSource(name: string, options: RootOptions, warnings: string[]): RootSource {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) throw new KeyRefused('ROOT_KEY is written env:<NAME>.')
  if (options.production && !options.envAccepted)
    throw new KeyRefused(
      `ROOT_KEY is env:${name}, which every program of this user can read. Use a file or a KMS, or set COUNTERSIGN_ROOT_KEY_ENV_ACCEPTED=1.`,
    )
  warnings.push(`The root key comes from the environment variable ${name}, which other programs of this user can read.`)
  return {
    kind: 'env',
    name: `env:${name}`,
    kms: null,
    async read() {
      const value = options.variable(name)
      if (!value) throw new KeyRefused(`The environment variable ${name}, which ROOT_KEY names, is empty.`)
      return parseValue(value, `env:${name}`)
    },
  }
}

const envFileSource = (path: string, name: string, uid?: number): RootSource => ({
  kind: 'env-file',
  name: `env-file:${path}#${name}`,
  kms: null,
  async read() {
    const lines = (await readKeyFile(path, uid)).split('\n')
    const line = lines.findLast((one) => new RegExp(`^\\s*(export\\s+)?${name}\\s*=`).test(one))
    const value = line
      ?.slice(line.indexOf('=') + 1)
      .trim()
      .replace(/^(["'])(.*)\1$/, '$2')
    return value ? parseValue(value, `${path}#${name}`) : null
  },
})

class NoOsKeyring extends KeyRefused {}

const OS_KEYRING = '@napi-rs/keyring'
const loadOsKeyring = async (): Promise<OsKeyring> => (await import(OS_KEYRING)) as OsKeyring

async function keyringSource(account: string, load: () => Promise<OsKeyring> = loadOsKeyring): Promise<RootSource> {
  const name = `keyring:${account}`
  const module = await load().catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'ERR_MODULE_NOT_FOUND' || error.code === 'MODULE_NOT_FOUND'
      ? new NoOsKeyring(`The keyring of the system needs the optional package ${OS_KEYRING}, which is not installed.`)
      : new KeyRefused(`The keyring of the system cannot be reached (${error.message}).`, { cause: error })
  })
  return {
    kind: 'keyring',
    name,
    kms: null,
    async read() {
      let value: string | null
      try {
        value = new module.Entry('countersign', account).getPassword()
      } catch (error) {
        throw new KeyRefused(`The keyring of the system cannot be reached (${(error as Error).message}).`, { cause: error })
      }
      return value ? parseValue(value, name) : null
    },
  }
}
