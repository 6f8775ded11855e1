// The content of messages at rest (relay.md R35, R109): an envelope under the key of the day on which it expires, so that one deletion makes a whole day unreadable; what is kept
// only until its thread ends, or as long as the thread, lies under a key of the thread's own. Its hash is taken when it is accepted and again before it goes anywhere.
import { Problem } from '@countersign/sdk'
import { canonical } from '../../crypto/canonical.ts'
import { EnvelopeError, openText, sealText, type WrappingKey } from '../../crypto/seal.ts'
import { sha256Hex } from '../../crypto/token.ts'
import type { Scope } from '../../db/scope.ts'
import type { Tx } from '../../db/tx.ts'
import { readJson, writeJson } from '../../http/json.ts'
import { type KeyHouse, subjectKey, subjectKeys } from '../../identity/keys-at-rest/tenant-key.ts'
import { tenantWire } from '../../std/id.ts'
import type { Part } from '../model.ts'
import type { MessageRow } from './sql.ts'

export type Payload = { parts: Part[]; metadata?: Record<string, unknown> }

const DAY_MS = 86_400_000

/** Whose key seals what is accepted now, and until when it stands. `days`: of the card (R108). */
export function keptFor(days: number | null, threadId: string, now: Date): { subject: string; expiresAt: Date | null } {
  if (days === null || days === 0) return { subject: `thread:${threadId}`, expiresAt: null }
  const expiresAt = new Date(now.getTime() + days * DAY_MS)
  return { subject: `relay_day:${expiresAt.toISOString().slice(0, 10)}`, expiresAt }
}

/** `sha256:` + hex over RFC 8785 of parts, skill and thread. */
export const payloadHash = (parts: readonly Part[], skill: string | null, threadId: string): string =>
  `sha256:${sha256Hex(canonical({ parts, skill, thread_id: threadId }))}`

/** `held_messages`: of the caller's tenant, what its own side holds back. */
type Table = 'messages' | 'held_messages'
/** Where an envelope of a message belongs. */
export const payloadPlace = (scope: Scope, id: string, table: Table = 'messages') => ({
  tenant: tenantWire(scope.tenantId),
  table,
  column: 'payload',
  row: id,
})

/** `bytes`: of the JSON that was sealed. */
export type Sealed = { envelope: Buffer; bytes: number }

export async function sealPayload(
  house: KeyHouse,
  t: Tx,
  scope: Scope,
  subject: string,
  all: readonly { id: string; payload: Payload }[],
  table: Table = 'messages',
): Promise<Sealed[]> {
  const seal = openSealer(house, t, scope, table)
  const sealed: Sealed[] = []
  for (const { id, payload } of all) sealed.push(await seal(subject, id, payload))
  return sealed
}

/** Seals any number of messages of a transaction, and asks for each subject's key once. */
export function openSealer(house: KeyHouse, t: Tx, scope: Scope, table: Table = 'messages') {
  const keys = new Map<string, WrappingKey>()
  return async (subject: string, id: string, payload: Payload): Promise<Sealed> => {
    const key = keys.get(subject) ?? (await subjectKey(house, t, scope, subject))
    keys.set(subject, key)
    const text = writeJson(payload)
    return { envelope: sealText(key, payloadPlace(scope, id, table), text), bytes: Buffer.byteLength(text) }
  }
}

/** What each message says; one whose payload is gone, or whose key is, is not in the answer. */
export async function openPayloads(
  house: KeyHouse,
  t: Tx,
  scope: Scope,
  rows: readonly SealedRow[],
  table: Table = 'messages',
): Promise<Map<string, Payload>> {
  const present = rows.filter((row) => isReadable(row, t.now))
  const keys = await subjectKeys(house, t, scope, [...new Set(present.map((row) => row.subject as string))])
  const opened = new Map<string, Payload>()
  for (const row of present) {
    const key = keys.get(row.subject as string)
    if (key) opened.set(row.id, openOne(key, scope, row, table))
  }
  return opened
}

/** Reads refuse at the time itself, however far the job that destroys is behind (§10). */
export const isReadable = (row: SealedRow, now: Date): boolean =>
  row.payload !== null && row.subject !== null && (row.expires_at === null || row.expires_at > now)

function openOne(key: WrappingKey, scope: Scope, row: SealedRow, table: Table): Payload {
  try {
    return readJson(openText(key, payloadPlace(scope, row.id, table), row.payload as Buffer)) as unknown as Payload
  } catch (error) {
    if (error instanceof EnvelopeError) throw new Problem('internal', {}, { cause: error })
    throw error
  }
}

type SealedRow = Pick<MessageRow, 'id' | 'payload' | 'subject' | 'expires_at'>

/** Whether what is about to go out is what was accepted. */
export const isWhole = (row: Pick<MessageRow, 'payload_hash' | 'skill' | 'thread_id'>, payload: Payload): boolean =>
  payloadHash(payload.parts, row.skill, row.thread_id) === row.payload_hash
