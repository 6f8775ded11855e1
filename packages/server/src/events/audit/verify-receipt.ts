// Checks a receipt by itself (T157): its signature, the digests of content and decisions, each passkey's assertion, and the way from the event to the signed
// checkpoint. Needs no database and no network. The first part that fails is named; nothing after it is believed.
import { type Passkey, verifyAssertion } from '../../crypto/assertion.ts'
import { chainOf, digestOf } from '../../crypto/chain.ts'
import { isSignedBy, parseCheckpoint, parseJws, parseVerifier, verifierKey } from '../../crypto/ed25519.ts'
import { leafHash, provesInclusion } from '../../crypto/merkle.ts'
import { sha256 } from '../../crypto/token.ts'
import { tenantUuid } from '../../std/id.ts'
import type { SealMember } from './receipt.ts'

export type ReceiptPart =
  | 'form'
  | 'key'
  | 'signature'
  | 'content'
  | `decision ${number}`
  | `passkey ${number}`
  | 'event'
  | 'seal'
  | 'proof'
  | 'checkpoint'

export type ReceiptVerdict = {
  valid: boolean
  /** What failed; null when nothing did. */
  failed: ReceiptPart | null
  says: string
  /** What was looked at and holds. */
  checked: ReceiptPart[]
  /** What the receipt does not hold, so that nobody takes silence for a check. */
  absent: string[]
  receipt: Record<string, unknown> | null
}

/** `receipt-keys.json` and `audit-keys.json` as they were fetched once; the second only for the note inside. */
export type ReceiptKeys = { receipt: unknown; audit?: unknown }

type Decision = {
  id: string
  person: string
  type: string
  decision_sha256: string
  /** The key that says whose decision it is. */
  attested_by?: string
  content?: string
  passkey?: Passkey
}
type Payload = {
  tenant_id: string
  task_id?: string
  revision?: number
  content_sha256?: string | null
  event_id?: string | null
  content?: string
  decisions?: Decision[]
  seal?: SealMember
}

class Failed extends Error {
  readonly part: ReceiptPart
  constructor(part: ReceiptPart, says: string) {
    super(says)
    this.part = part
  }
}

export function verifyReceipt(text: string, keys: ReceiptKeys): ReceiptVerdict {
  const checked: ReceiptPart[] = []
  const absent: string[] = []
  let receipt: Record<string, unknown> | null = null
  try {
    const jws = parseJws(tokenOf(text))
    if (jws?.header.typ !== 'countersign-receipt+jws') throw new Failed('form', 'This is not a receipt.')
    const key = findKey(keys.receipt, jws.header.kid)
    if (!key) throw new Failed('key', `The keys that you gave do not hold ${jws.header.kid}.`)
    if (!jws.verify(key))
      throw new Failed('signature', 'The signature is wrong: the receipt was changed, or another key signed it.')
    checked.push('signature')
    const payload = readObject(jws.payload)
    if (!payload) throw new Failed('form', 'The receipt holds no JSON object.')
    receipt = payload
    checkTask(payload as Payload, checked, absent)
    checkSeal(payload as Payload, keys.audit, checked, absent)
    return { valid: true, failed: null, says: saysOf(payload as Payload, absent), checked, absent, receipt }
  } catch (error) {
    if (!(error instanceof Failed)) throw error
    return { valid: false, failed: error.part, says: error.message, checked, absent, receipt }
  }
}

function checkTask(payload: Payload, checked: ReceiptPart[], absent: string[]): void {
  const { content, content_sha256, decisions = [] } = payload
  if (content !== undefined) {
    if (hex(sha256(content)) !== content_sha256) throw new Failed('content', 'The content is not what was digested.')
    const shown = readObject(content)
    if (shown?.task_id !== payload.task_id || shown?.tenant_id !== payload.tenant_id || shown?.revision !== payload.revision)
      throw new Failed('content', 'The content is of another task.')
    checked.push('content')
  } else if (payload.task_id) absent.push('content')
  for (const [i, one] of decisions.entries()) checkDecision(one, i + 1, payload, checked)
}

function checkDecision(one: Decision, n: number, payload: Payload, checked: ReceiptPart[]): void {
  if (one.content !== undefined) {
    const decided = readObject(one.content)
    if (hex(sha256(one.content)) !== one.decision_sha256)
      throw new Failed(`decision ${n}`, `Decision ${n} is not what was digested.`)
    if (decided?.content_sha256 !== payload.content_sha256 || decided?.user_id !== one.person || decided?.type !== one.type)
      throw new Failed(`decision ${n}`, `Decision ${n} was made on other content, or by another person.`)
    checked.push(`decision ${n}`)
  }
  if (!one.passkey) return
  if (!verifyAssertion(one.passkey, one.decision_sha256))
    throw new Failed(`passkey ${n}`, `The passkey of decision ${n} did not sign this decision.`)
  checked.push(`passkey ${n}`)
}

function checkSeal(
  { tenant_id, event_id, task_id, decisions = [], seal }: Payload,
  audit: unknown,
  checked: ReceiptPart[],
  absent: string[],
): void {
  if (!seal) return void absent.push('seal')
  const event = readObject(seal.event)
  const resource = event?.resource as { id?: string } | null | undefined
  if (event?.id !== event_id || event?.tenant_id !== tenant_id || (task_id !== undefined && resource?.id !== task_id))
    throw new Failed('event', 'The event is of another fact.')
  const { decision_sha256: told, attested_by: attester } = (event?.data ?? {}) as Partial<Decision>
  const decision = decisions.find((one) => one.decision_sha256 === told)
  if (told !== undefined && !decision && task_id !== undefined) throw new Failed('event', 'The event tells of another decision.')
  if (decision?.attested_by !== undefined && decision.attested_by !== attester)
    throw new Failed('event', 'The event names another key that attested the decision.')
  checked.push('event')
  const tenant = tenantUuid(tenant_id)
  if (!tenant) throw new Failed('seal', 'The tenant is not named.')
  const hash = chainOf(tenant)(seal.seq, Buffer.from(seal.prev_hash, 'hex'), digestOf(seal.event))
  if (hex(hash) !== seal.hash) throw new Failed('seal', 'The event is not what was sealed.')
  checked.push('seal')
  const proof = seal.proof.map((one) => Buffer.from(one, 'hex'))
  if (!provesInclusion(seal.seq - 1, seal.size, leafHash(hash), proof, Buffer.from(seal.root, 'hex')))
    throw new Failed('proof', 'The seal does not stand in the tree of the checkpoint.')
  checked.push('proof')
  checkNote(seal, tenant_id, audit, checked, absent)
}

function checkNote(seal: SealMember, tenantId: string, audit: unknown, checked: ReceiptPart[], absent: string[]): void {
  const note = parseCheckpoint(seal.note)
  if (!note || note.size !== seal.size || hex(note.root) !== seal.root || !note.origin.endsWith(`/audit/${tenantId}`))
    throw new Failed('checkpoint', 'The note is not of this tree.')
  if (audit === undefined) return void absent.push('audit keys')
  const verifiers = auditKeys(audit, note.origin)
  if (!isSignedBy(note, verifiers)) throw new Failed('checkpoint', 'No audit key that you gave signed the checkpoint.')
  checked.push('checkpoint')
}

const hex = (bytes: Buffer): string => bytes.toString('hex')

function readObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

/** The token itself, or what the route answers: `{"receipt": "…"}`. */
const tokenOf = (text: string): string => {
  const { receipt } = readObject(text) ?? {}
  return typeof receipt === 'string' ? receipt : text
}

type PublicJwk = { kid?: string; kty?: string; crv?: string; x?: string }

function findKey(published: unknown, kid: string): Buffer | null {
  const { keys } = (published ?? {}) as { keys?: PublicJwk[] }
  const key = Array.isArray(keys) ? keys.find((one) => one.kid === kid && one.kty === 'OKP' && one.crv === 'Ed25519') : undefined
  return key?.x ? Buffer.from(key.x, 'base64url') : null
}

/** Verifier keys as C2SP writes them for this log, from the file's public keys. */
function auditKeys(published: unknown, origin: string) {
  const { keys } = (published ?? {}) as { keys?: { public_key?: string }[] }
  return (Array.isArray(keys) ? keys : []).flatMap((one) => {
    const verifier = one.public_key ? parseVerifier(verifierKey(origin, Buffer.from(one.public_key, 'base64'))) : null
    return verifier ? [verifier] : []
  })
}

function saysOf({ task_id, event_id, seal, decisions = [] }: Payload, absent: readonly string[]): string {
  const what = task_id ? `The decision on ${task_id}` : `The event ${event_id}`
  const sealed = seal ? `sealed as number ${seal.seq} in a log of ${seal.size}` : 'not sealed yet'
  const attested = decisions.flatMap(({ person, attested_by }) =>
    attested_by === undefined ? [] : [` That ${person} decided is attested by ${attested_by} alone.`],
  )
  return `${what} is genuine, ${sealed}.${attested.join('')}${absent.length > 0 ? ` Not in it, so not checked: ${absent.join(', ')}.` : ''}`
}
