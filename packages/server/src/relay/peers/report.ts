// Whoever meets something that ought not to be here tells the operator (relay.md R121): a task of the installation's review tenant, with who says so of whom. Ends nothing and blocks
// nobody by itself, and the other side does not hear of it. Of one peer a tenant asks once a day.
import { Problem } from '@countersign/sdk'
import { type Scope, systemScope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { homeTenant } from '../../identity/sql.ts'
import { tenantWire } from '../../std/id.ts'
import { createTask } from '../../tasks/task.ts'
import { ownOf } from '../grants/list.ts'
import type { RelayHouse } from '../house.ts'
import { placeOfCard } from '../party.ts'
import { conductOf } from '../requests/conduct.ts'
import { peerTenant } from '../requests/sql.ts'
import { findContact } from './sql.ts'

export const REASONS = ['spam', 'impersonation', 'harmful', 'broken', 'other'] as const
export type Report = { reason: (typeof REASONS)[number]; note?: string | undefined }
type Subject = { peer: string; name: string; tenantId: string | null }
export type Reported = { peer: string; reason: Report['reason']; reported_at: Date }

export async function reportCard(house: RelayHouse, scope: Scope, slug: string, report: Report): Promise<Reported> {
  const place = await placeOfCard(house, slug)
  if (place.visibility !== 'public' || place.tenant_id === scope.tenantId) throw new Problem('not_found')
  return send(house, scope, { peer: place.card_id, name: slug, tenantId: place.tenant_id }, report)
}

export async function reportContact(house: RelayHouse, scope: Scope, id: string, report: Report): Promise<Reported> {
  const own = ownOf(scope, 'contact.update')
  const met = await tx(house.db, scope, (t) => findContact(t, scope, id, own), { readOnly: true })
  if (!met) throw new Problem('not_found')
  return send(house, scope, { peer: met.peer, name: met.name, tenantId: met.peer_tenant }, report)
}

async function send(house: RelayHouse, scope: Scope, subject: Subject, report: Report): Promise<Reported> {
  const known = await tx(house.db, scope, (t) => knownOf(house, t, scope, subject), { readOnly: true })
  const operator = systemScope('relay', known.review)
  await createTask(house.tasks, operator, {
    task: `${known.from} reports ${subject.name}`.slice(0, 4_000),
    description:
      'Somebody of another tenant says that this ought not to be here. Nothing was ended by it. A card is taken out of the listing by its review, a tenant is suspended by a host.',
    payload: {
      ...{ peer: subject.peer, name: subject.name, tenant: known.tenant, tenant_name: known.name, conduct: known.conduct },
      ...{ reason: report.reason, note: report.note ?? null, reported_by: known.from },
    } as Record<string, unknown>,
    response_schema: {
      type: 'object',
      additionalProperties: false,
      properties: { seen: { type: 'boolean', title: 'I have looked after it' } },
      required: ['seen'],
    },
    idempotency_key: `report:${tenantWire(scope.tenantId)}:${subject.peer}:${known.day}`,
    timeout_seconds: 1_209_600,
    tags: ['relay', 'report'],
  })
  return tx(house.db, scope, async (t) => {
    const { peer } = subject
    await record(t, scope, 'peer.reported', { peer, reason: report.reason }, { resource: { type: 'contact', id: peer } })
    return { peer, reason: report.reason, reported_at: t.now }
  })
}

async function knownOf(house: RelayHouse, t: Tx, scope: Scope, { tenantId }: Subject) {
  const own = await peerTenant(t, scope.tenantId)
  const theirs = tenantId === null ? null : await peerTenant(t, tenantId)
  const conduct = tenantId === null ? null : ((await conductOf(t, [tenantId])).get(tenantId) ?? null)
  return {
    review: house.reviewTenant ?? (await homeTenant(t)).id ?? scope.tenantId,
    from: own?.name ?? '',
    tenant: tenantId === null ? null : tenantWire(tenantId),
    name: theirs?.name ?? null,
    conduct,
    day: t.now.toISOString().slice(0, 10),
  }
}
