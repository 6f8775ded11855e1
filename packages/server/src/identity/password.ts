// Passwords: which are refused (P22), and how the others are hashed (P23). argon2id over an HMAC under the pepper of the key ring.
// Never stores, logs or cuts a password, never trims one, and never hashes more at once than this process can carry.
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { Problem } from '@countersign/sdk'
import { hash as argon2Hash, verify as argon2Verify, parseOptions } from '@node-rs/argon2'
import type { Keyring } from '../crypto/keyring.ts'
import { hmacSha256, randomToken } from '../crypto/token.ts'
import { packageRoot } from '../std/package-root.ts'

export type PasswordCost = { memoryKib: number; passes: number; lanes: number }
export type StoredPassword = { hash: string; pepper_version: number }

/** right, and stored under weaker parameters or an older pepper than today's: hash it again now, while it is known. */
export type PasswordVerdict = 'right' | 'outdated' | 'wrong'

export type Passwords = {
  /** Throws `password_refused` unless this password may be used (P22). */
  check(password: string, about: About, minimum?: number): void
  hash(password: string): Promise<StoredPassword>
  /** `null`: no such user or no password. It takes the same time and is wrong. */
  verify(password: string, stored: StoredPassword | null): Promise<PasswordVerdict>
  /** How many hashes were computed so far. */
  count(): number
}

export type PasswordOptions = {
  keyring: Pick<Keyring, 'current' | 'purpose'>
  cost?: PasswordCost
  /** At once, in this process. */
  atOnce?: number
  /** Further ones that wait; one more is told `busy`. */
  queue?: number
}

// The second recommended option of RFC 9106 §4.
export const COST: PasswordCost = { memoryKib: 65_536, passes: 3, lanes: 4 }
const TAG_BYTES = 32
const MAX_BYTES = 1_024
const MIN_ALONE = 15
const MIN_WITH_FACTOR = 8

/** One form of one text, so that a password typed on another keyboard is the same password. */
const normalised = (password: string): string => password.normalize('NFC')

export function openPasswords(options: PasswordOptions): Passwords {
  const { keyring, cost = COST, queue = 64 } = options
  const takeTurns = makeTurns(options.atOnce ?? Math.min(4, Math.max(1, Math.floor(availableParallelism() / 2))), queue)
  const settings = { memoryCost: cost.memoryKib, timeCost: cost.passes, parallelism: cost.lanes, outputLen: TAG_BYTES }
  let hashed = 0
  let common: ReadonlySet<string> | undefined
  let dummy: Promise<string> | undefined

  // As text, since the library verifies texts only; base64 loses none of the 256 bits.
  const peppered = (password: string, version: number) =>
    hmacSha256(keyring.purpose('pepper', version), normalised(password)).toString('base64')

  return {
    check: (password, about, minimum = MIN_ALONE) => {
      common ??= readCommon()
      checkPassword(password, about, common, minimum)
    },
    hash: (password) =>
      takeTurns(async () => {
        hashed++
        return { hash: await argon2Hash(peppered(password, keyring.current), settings), pepper_version: keyring.current }
      }),
    count: () => hashed,
    verify: async (password, stored) => {
      // Nobody knows this password, so the answer is always wrong; the time is that of a real one (P21).
      dummy ??= argon2Hash(randomToken(), settings)
      const against = stored ?? { hash: await dummy, pepper_version: keyring.current }
      const right = await takeTurns(() => {
        hashed++
        return argon2Verify(against.hash, peppered(password, against.pepper_version))
      })
      if (!right || !stored) return 'wrong'
      return isOutdated(stored, cost, keyring.current) ? 'outdated' : 'right'
    },
  }
}

function isOutdated(stored: StoredPassword, cost: PasswordCost, pepper: number): boolean {
  const used = parseOptions(stored.hash)
  return (
    used.memoryCost < cost.memoryKib ||
    used.timeCost < cost.passes ||
    used.parallelism < cost.lanes ||
    stored.pepper_version !== pepper
  )
}

/** `atOnce` run, `queue` wait in order, the next is refused: a flood of sign-ins may not take the memory of everybody else. */
function makeTurns(atOnce: number, queue: number) {
  let running = 0
  const waiting: (() => void)[] = []
  return async <T>(work: () => Promise<T>): Promise<T> => {
    if (running >= atOnce) {
      if (waiting.length >= queue) throw new Problem('busy', { retry_after: 1 })
      await new Promise<void>((resume) => waiting.push(resume))
    } else running++
    try {
      return await work()
    } finally {
      // A slot goes straight to the next in line, so nobody who comes later can pass them.
      const next = waiting.shift()
      if (next) next()
      else running--
    }
  }
}

const readCommon = (): ReadonlySet<string> =>
  new Set(
    readFileSync(join(packageRoot(import.meta.url), 'data', 'common-passwords.txt'), 'utf8')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('# ')),
  )

/** What a password must not be made of. */
export type About = { names: readonly (string | null | undefined)[]; emails: readonly string[]; tenant?: string | null }

const PRODUCT = 'countersign'

function checkPassword(password: string, about: About, common: ReadonlySet<string>, minimum: number): void {
  const text = normalised(password)
  if (Buffer.byteLength(text) > MAX_BYTES)
    throw new Problem('validation_failed', {
      errors: [{ path: '/password', code: 'too_long', message: `May have at most ${MAX_BYTES} bytes.` }],
    })
  if ([...text].length < minimum)
    throw refused('too_short', `It needs at least ${minimum} characters; any will do, also spaces.`, { minimum })
  if (isCommon(text, common)) throw refused('too_common', 'It is one of the passwords that are tried first.')
  if (isAbout(text, about, common))
    throw refused('about_you', 'It is made of your name, your e-mail address, or the name of this product or tenant.')
}

const refused = (reason: string, detail: string, members: Record<string, unknown> = {}) =>
  new Problem('password_refused', { reason, detail, ...members })

const trimmedToLetters = (text: string) => text.replace(/^[^\p{L}]+|[^\p{L}]+$/gu, '')

/** As it stands, with the usual substitutions undone, and without digits and marks hung before or behind. */
function isCommon(text: string, common: ReadonlySet<string>): boolean {
  const plain = text.toLowerCase()
  const core = trimmedToLetters(plain)
  return [plain, unmask(plain), core, unmask(core)].some((form) => form !== '' && common.has(form))
}

const MASKS: Record<string, string> = {
  '0': 'o',
  '1': 'i',
  '!': 'i',
  '|': 'i',
  '3': 'e',
  '4': 'a',
  '@': 'a',
  '5': 's',
  $: 's',
  '7': 't',
  '8': 'b',
  '9': 'g',
}
const unmask = (text: string): string => text.replace(/[01!|34@5$789]/g, (mark) => MASKS[mark] as string)

/** Whether little is left once the known words are taken out; a long passphrase that mentions a name is fine. */
function isAbout(text: string, about: About, common: ReadonlySet<string>): boolean {
  const sources = [PRODUCT, about.tenant, ...about.names, ...about.emails].flatMap((source) =>
    source ? [source.toLowerCase()] : [],
  )
  const words = sources
    .flatMap((source) => [source, ...source.split(/[^\p{L}\p{N}]+/u)])
    .filter((word) => word.length >= 3)
    .sort((a, b) => b.length - a.length)
  return [text.toLowerCase(), unmask(text.toLowerCase())].some((form) => {
    const rest = words.reduce((left, word) => left.replaceAll(word, ' ').replaceAll(unmask(word), ' '), form)
    if (rest === form) return false
    const letters = rest.replace(/[^\p{L}\p{N}]/gu, '')
    return [...letters].length < MIN_WITH_FACTOR || common.has(trimmedToLetters(letters))
  })
}
