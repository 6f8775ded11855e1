// Exports of one side of a thread, a relay grant or a card (relay.md R110), or of all that a tenant has (platform.md P145): asked for, read piece by piece, kept for a week. Whose
// side it is follows from who asks; nobody exports the other's.
import { enqueue } from '@countersign/queue'
import { Problem } from '@countersign/sdk'
import { openText } from '../../crypto/seal.ts'
import { isUniqueViolation } from '../../db/errors.ts'
import type { Scope } from '../../db/scope.ts'
import { once, type Tx, tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { openCursor, pageOf } from '../../http/cursor.ts'
import { eraseSubject } from '../../identity/keys-at-rest/erasure/erase.ts'
import { subjectKey } from '../../identity/keys-at-rest/tenant-key.ts'
import { authorise } from '../../identity/matrix.ts'
import { newId, tenantWire } from '../../std/id.ts'
import { ownsThing } from '../holds/sql.ts'
import type { RelayHouse } from '../house.ts'
import { type Place, relayPlace } from '../sql.ts'
import { type ExportRow, type ExportSubject, expireOver, findExport, insertExport, listExports, readChunk } from './sql.ts'

export const EXPORT = 'relay.export'
export const exportSubject = (id: string): string => `export:${id}`
export const chunkPlace = (scope: Scope, id: string, n: number) => ({
  tenant: tenantWire(scope.tenantId),
  table: 'export_chunks',
  column: 'bytes',
  row: `${id}/${n}`,
})

type Asked = { subject: ExportSubject; id: string }

export async function createExport(house: RelayHouse, scope: Scope, input: Asked): Promise<ExportRow> {
  const { subject, id } = input
  const side = await sideAt(house, scope, input)
  try {
    return await tx(house.db, scope, async (t) => {
      for (const over of await expireOver(t, scope)) await eraseSubject(t, scope, exportSubject(over.id))
      const exportId = newId('exp', t.now.getTime())
      const data = { export_id: exportId, subject, subject_id: id, side }
      const eventId = await record(t, scope, 'export.created', data, { resource: { type: 'export', id: exportId } })
      const row = await insertExport(t, scope, { id: exportId, subject, subject_id: id, side, event_id: eventId })
      await enqueue(t, { kind: EXPORT, tenantId: scope.tenantId, payload: { export_id: exportId } })
      return row
    })
  } catch (error) {
    if (isUniqueViolation(error, 'exports_running')) throw new Problem('export_running')
    throw error
  }
}

const PREFIX: Record<ExportSubject, string> = { thread: 'thr_', relay_grant: 'rgr_', card: 'card_', tenant: 'ten_' }

/** Which side this tenant is of it. Who is neither is told that there is none. */
async function sideAt(house: RelayHouse, scope: Scope, { subject, id }: Asked): Promise<ExportRow['side']> {
  if (!id.startsWith(PREFIX[subject]))
    throw new Problem('validation_failed', {
      errors: [
        {
          path: '/id',
          code: 'invalid_format',
          message: `The id of a ${subject.replace('_', ' ')} begins with ${PREFIX[subject]}.`,
        },
      ],
    })
  if (subject === 'tenant') {
    authorise(scope, 'export.create')
    if (id !== tenantWire(scope.tenantId)) throw new Problem('not_found')
    return 'both'
  }
  if (await tx(house.db, scope, (t) => ownsThing(t, scope, id), { readOnly: true })) return 'owner'
  const [place] = subject === 'card' ? [] : await once<Place>(house.db, relayPlace(id))
  if (place?.asker_tenant !== scope.tenantId) throw new Problem('not_found')
  return 'caller'
}

export async function getExport(house: RelayHouse, scope: Scope, id: string): Promise<ExportRow> {
  const row = await tx(house.db, scope, (t) => findExport(t, scope, id), { readOnly: true })
  if (!row) throw new Problem('not_found')
  return row
}

export const pageExports = (house: RelayHouse, scope: Scope, query: { limit: number; cursor?: string | undefined }) => {
  const { limit, cursor } = query
  const at = { tenantId: scope.tenantId, route: 'GET /exports', filter: {} }
  return tx(
    house.db,
    scope,
    async (t) => {
      const before = cursor === undefined ? null : openCursor<string>(house.keyring, at, cursor, t.now)
      const rows = await listExports(t, scope, before, limit + 1)
      return pageOf(house.keyring, at, rows, { limit, now: t.now, position: ({ id }) => id })
    },
    { readOnly: true },
  )
}

export type Piece = { n: number; text: string; next: number | null }

/** One piece of a finished one; whoever begins is told of. */
export const downloadExport = (house: RelayHouse, scope: Scope, id: string, n: number): Promise<Piece> =>
  tx(house.db, scope, async (t) => {
    const found = await findExport(t, scope, id)
    if (!found) throw new Problem('not_found')
    const state = found.expires_at && found.expires_at <= t.now ? 'expired' : found.state
    if (state !== 'ready') throw new Problem('state_conflict', { state })
    const [piece, after] = [await readChunk(t, scope, id, n), await readChunk(t, scope, id, n + 1)]
    if (!piece) throw new Problem('not_found')
    const text = await opened(house, t, scope, id, n, piece.bytes)
    const about = { subject: found.subject, subject_id: found.subject_id }
    if (n === 0) await record(t, scope, 'export.downloaded', { export_id: id, ...about }, { resource: { type: 'export', id } })
    return { n, text, next: after ? n + 1 : null }
  })

const opened = async (house: RelayHouse, t: Tx, scope: Scope, id: string, n: number, bytes: Buffer): Promise<string> =>
  openText(await subjectKey(house, t, scope, exportSubject(id)), chunkPlace(scope, id, n), bytes)
