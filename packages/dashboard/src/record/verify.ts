// Whether an entry of a task's record is what was sealed, found out in this browser: the entry against the exact text, the text up to the signed root (audit/proof.ts), and
// the signature under the root. It believes SHA-256, Ed25519 and the published keys, and nothing that the server says of itself.
import type { RouteAnswer } from '@countersign/sdk'
import { checkProof, type Proof } from '../audit/proof.ts'
import type { RecordEntry } from '../talk/sentence.ts'
import { t } from '../text/t.ts'

export type EventDetail = RouteAnswer<'GET /events/:id'>
/** What `/.well-known/countersign/audit-keys.json` publishes, as far as it is read here. */
export type Keys = { keys: { public_key: string }[]; verifier_keys?: string[] }

/** What was checked, in the order in which a reader would; null: this browser cannot. */
export type Parts = {
  shown: boolean
  text: boolean
  link: boolean
  root: boolean
  note: boolean
  signature: boolean | null
}
export type Verdict =
  | { state: 'verified' | 'fails'; parts: Parts }
  /** Not sealed, or sealed and not signed yet. */
  | { state: 'waits'; why: string }
  | { state: 'unchecked'; why: string }

export const SAYS: Record<keyof Parts, string> = {
  shown: t('what is shown here is what the sealed text says'),
  text: t('the text has the digest that was sealed'),
  link: t('the seal follows from the one before'),
  root: t('the seal stands in the tree whose root was signed'),
  note: t('the signed note is of this log and names that root'),
  signature: t('a published key of this log signed the note'),
}

const NO_CRYPTO = t('This page came without https, so the browser may not check anything.')

/** `proof`: null while no signed checkpoint covers the event. */
export async function verify(
  entry: RecordEntry,
  detail: EventDetail,
  proof: Proof | null,
  keys: Keys,
  tenantId: string,
): Promise<Verdict> {
  if (!globalThis.crypto?.subtle) return { state: 'unchecked', why: NO_CRYPTO }
  const shown = isSame(entry, detail.body, tenantId)
  // Whatever is still missing, what is shown must be what the text says.
  if (!shown) return fails({ shown })
  if (!detail.seal) return { state: 'waits', why: t('It is sealed within a second.') }
  if (!proof) return { state: 'waits', why: t('It is sealed, and signed within a minute.') }
  const checked = await checkProof(detail.body, tenantId, proof)
  if (!checked) return { state: 'unchecked', why: NO_CRYPTO }
  const note = readNote(proof.note)
  const isOfThisLog =
    note?.origin.endsWith(`/audit/${tenantId}`) === true &&
    note.size === proof.size &&
    note.root === proof.root &&
    proof.event_id === entry.id &&
    (entry.seq === null || entry.seq === proof.seq)
  const parts: Parts = { shown, ...checked, note: isOfThisLog, signature: note === null ? false : await isSigned(note, keys) }
  const holds = Object.values(parts).every((one) => one !== false)
  return { state: holds ? 'verified' : 'fails', parts }
}

const fails = (parts: Partial<Parts>): Verdict => ({
  state: 'fails',
  parts: { shown: false, text: false, link: false, root: false, note: false, signature: false, ...parts },
})

/** The members that the page shows, against the text. */
function isSame(entry: RecordEntry, body: string, tenantId: string): boolean {
  const sealed = read(body)
  if (!sealed || sealed.tenant_id !== tenantId) return false
  const actor = (sealed.actor ?? {}) as Record<string, unknown>
  return (
    (['type', 'id', 'assurance'] as const).every((name) => entry.actor[name] === actor[name]) &&
    entry.channel === channelOf(actor, sealed.data) &&
    (['id', 'type', 'occurred_at', 'data', 'before', 'after'] as const).every(
      (name) => text(entry[name] ?? null) === text(sealed[name] ?? null),
    )
  )
}

/** As the server reads it from the same text. */
function channelOf(actor: Record<string, unknown>, data: unknown): string | null {
  const { channel } = (data ?? {}) as { channel?: unknown }
  if (typeof channel === 'string') return channel
  if (actor.session_id) return 'dashboard'
  return actor.key_id || actor.type === 'agent' || actor.type === 'key' ? 'api' : null
}

function read(body: string): Record<string, unknown> | null {
  try {
    return JSON.parse(body) as Record<string, unknown>
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

/** JSON with its members in one order. */
const text = (value: unknown): string =>
  JSON.stringify(value, (_name, member: unknown) =>
    member !== null && typeof member === 'object' && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  )

type Note = {
  origin: string
  size: number
  root: string
  signed: string
  signatures: { name: string; bytes: Uint8Array<ArrayBuffer> }[]
}

/** A checkpoint as C2SP writes it: the name of the log, its size, its root, an empty line, and a line for each signature. */
function readNote(note: string): Note | null {
  const [head = '', tail = ''] = note.split('\n\n')
  const [origin, size, root] = head.split('\n')
  const bytes = root === undefined ? null : fromBase64(root)
  if (!origin || !bytes || bytes.length !== 32) return null
  const signatures = tail.split('\n').flatMap((line) => {
    const [, name, encoded] = /^— (\S+) (\S+)$/.exec(line) ?? []
    const signature = encoded === undefined ? null : fromBase64(encoded)
    return name === undefined || signature === null ? [] : [{ name, bytes: signature }]
  })
  return { origin, size: Number(size), root: hex(bytes), signed: `${head}\n`, signatures }
}

// Before the signature stand four bytes that say which key.
const KEY_ID = 4

/** By any published key of the log; null where the browser knows no Ed25519. */
async function isSigned(note: Note, keys: Keys): Promise<boolean | null> {
  const message = new TextEncoder().encode(note.signed)
  for (const { public_key } of keys.keys) {
    const raw = fromBase64(public_key)
    const key = raw && (await importKey(raw))
    if (key === 'unknown') return null
    for (const { name, bytes } of key ? note.signatures : [])
      if (name === note.origin && (await crypto.subtle.verify('Ed25519', key as CryptoKey, bytes.slice(KEY_ID), message)))
        return true
  }
  return false
}

const importKey = (raw: Uint8Array<ArrayBuffer>): Promise<CryptoKey | 'unknown' | null> =>
  crypto.subtle.importKey('raw', raw, 'Ed25519', false, ['verify']).catch((error: unknown) => {
    if (error instanceof DOMException && error.name === 'NotSupportedError') return 'unknown'
    if (error instanceof DOMException) return null
    throw error
  })

function fromBase64(encoded: string): Uint8Array<ArrayBuffer> | null {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(encoded)) return null
  try {
    return Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0))
  } catch (error) {
    if (error instanceof DOMException) return null
    throw error
  }
}

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
