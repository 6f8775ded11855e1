// A client record that was removed is forgotten once nobody needs it to tell a provider something: connections that are over are revoked with it (V51), and a
// registration that we made is deleted (V39, RFC 7592). For a day; then what is secret in it is erased, whatever the provider said.
import { defineKind, type Kind, snooze } from '@countersign/queue'
import { systemScope } from '../../db/scope.ts'
import { type Scope, type Tx, tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { isId } from '../../std/id.ts'
import { ProviderFault } from '../authorizations/protocol/fault.ts'
import { deleteRegistration } from '../authorizations/protocol/registration.ts'
import type { VaultHouse } from '../house.ts'
import { type Client, openClient } from './client.ts'
import { type ClientRow, eraseSecretIfRemoved, findClientById, findUntoldUnder } from './sql.ts'

/** Its payload names the record. */
export const FORGET = 'client.forget'
const TRIED_FOR_MS = 86_400_000
const FIRST_MS = 60_000
const LONGEST_MS = 3_600_000

type Left = { row: ClientRow; client: Client; age: number; isNeeded: boolean }

/** Answers after how many milliseconds to come again; null: it is forgotten. */
export async function forgetClient(house: VaultHouse, tenantId: string, id: string): Promise<number | null> {
  const scope = systemScope('clients', tenantId)
  const left = await tx(house.db, scope, (t) => read(house, t, scope, id), { readOnly: true })
  if (left === null) return null
  const pause = Math.min(Math.max(left.age, FIRST_MS), LONGEST_MS)
  const isLate = left.age >= TRIED_FOR_MS
  if (left.isNeeded && !isLate) return pause
  try {
    const told = await unregister(house, scope, left.client)
    await tx(house.db, scope, (t) => erase(t, scope, left.row, told))
    return null
  } catch (error) {
    if (!(error instanceof ProviderFault)) throw error
    if (error.kind === 'outside' && !isLate) return Math.max(error.retryAfterMs ?? 0, pause)
    await tx(house.db, scope, (t) => erase(t, scope, left.row, 'left'))
    return null
  }
}

async function read(house: VaultHouse, t: Tx, scope: Scope, id: string): Promise<Left | null> {
  const row = await findClientById(t, scope, id)
  if (row?.state !== 'removed' || row.secret === null) return null
  const isNeeded = (await findUntoldUnder(t, scope, id)).length > 0
  return { row, client: await openClient(house, t, scope, row), age: t.now.getTime() - row.updated_at.getTime(), isNeeded }
}

type Told = 'deleted' | 'left' | null

async function unregister(house: VaultHouse, scope: Scope, { managed }: Client): Promise<Told> {
  if (managed === null) return null
  const outside = { door: house.door, tenantId: scope.tenantId }
  return (await deleteRegistration(outside, { url: managed.url, token: managed.token.reveal() })) ? 'deleted' : 'left'
}

async function erase(t: Tx, scope: Scope, row: ClientRow, registration: Told): Promise<void> {
  if ((await eraseSecretIfRemoved(t, scope, row.id)) === 0 || registration === null) return
  const data = { client_id: row.id, provider: row.provider, issuer: row.issuer, state: 'removed', registration }
  await record(t, scope, 'client.changed', data, { resource: { type: 'client', id: row.id } })
}

function readPayload(value: unknown): { client_id: string } {
  const { client_id } = (value ?? {}) as { client_id?: unknown }
  if (!isId('clt', client_id)) throw new TypeError('a client')
  return { client_id }
}

export const clientJobs = (house: VaultHouse): Kind[] => [
  defineKind<unknown, { client_id: string }>(FORGET, {
    keepOutput: false,
    maxAttempts: 1_000,
    schema: readPayload,
    async run({ tenantId, payload }) {
      const pause = await forgetClient(house, tenantId, payload.client_id)
      return pause === null ? undefined : snooze(pause)
    },
  }) as Kind,
]
