// The owner's people answer a connection request (relay.md C3, C4, R24, R25). Both routes decide its task, so that rights, proofs, quorum and record are those of every approval;
// what they say beside that rides on the scope of the call. Agents never get here (R124).
import { Problem } from '@countersign/sdk'
import { canonical } from '../../crypto/canonical.ts'
import { once, type Scope, type Tx, tx } from '../../db/tx.ts'
import { reach } from '../../identity/matrix.ts'
import { decideTask, type Provenance } from '../../tasks/decision.ts'
import { findCard } from '../grants/sql.ts'
import { narrowed, refuseFaulty, type Terms, type TermsIn, termErrors, widerErrors } from '../grants/terms.ts'
import type { RelayHouse } from '../house.ts'
import { type Place, reachesCard, relayPlace } from '../sql.ts'
import { type Decided, type Deciding, deciding } from './deciding.ts'
import { argsOf } from './question.ts'
import { decidedAlready, refuseAskingSide } from './settle.ts'
import { showRequest } from './show.ts'
import { findRequest, type RequestRow } from './sql.ts'

const DECIDE = 'connection_request.decide'

/** `RouteSpec.enter`: of the owner's people alone; the asking side learns that it is not theirs to decide, and everybody else nothing. */
export const enterDeciding =
  (house: Pick<RelayHouse, 'db'>) =>
  async (scope: Scope, params: { id?: string }): Promise<Scope> => {
    const [place] = await once<Place>(house.db, relayPlace(params.id ?? ''))
    if (!place?.party.startsWith('creq_')) throw new Problem('not_found')
    if (place.tenant_id !== scope.tenantId)
      throw new Problem(place.asker_tenant === scope.tenantId ? 'separation_of_duties' : 'not_found')
    if (reach(scope, DECIDE) === 'own') {
      const { own } = await tx(house.db, scope, (t) => reachesCard(t, scope, place.card_id), { readOnly: true })
      if (!own) throw new Problem('not_owner')
    }
    return { ...scope, relaySide: 'owner' }
  }

export type Approval = TermsIn & { issue: 'on_approve' | 'on_collect'; note?: string; note_visible?: boolean; lasting?: boolean }

/** With several people to agree, an answer before the last of them leaves it pending. */
export async function approveRequest(
  house: RelayHouse,
  scope: Scope,
  id: string,
  approval: Approval,
  from: Provenance,
): Promise<Decided> {
  const { issue, note, note_visible: noteVisible, lasting, ...wishes } = approval
  const { row, given } = await tx(house.db, scope, (t) => readOpen(t, scope, id, wishes), { readOnly: true })
  const lasts = lasting === true && row.thread_id !== null
  if (lasting === false && row.thread_id === null)
    refuseFaulty([{ path: '/lasting', code: 'not_allowed', message: 'It came with no message: what is agreed to lasts.' }])
  const args = { ...argsOf(given), ...(row.thread_id === null ? {} : { lasting: lasts }) }
  const isLess = canonical(argsOf(given)) !== canonical(argsOf(row.asked))
  const decision = isLess || lasts ? { type: 'edit' as const, args } : { type: 'accept' as const }
  const own: Deciding = { issue, note: note ?? null, noteVisible: noteVisible ?? false }
  return decide(house, scope, row, own, decision, from)
}

export async function denyRequest(
  house: RelayHouse,
  scope: Scope,
  id: string,
  { note, note_visible: noteVisible = false }: { note?: string; note_visible?: boolean },
  from: Provenance,
): Promise<Decided['connection_request']> {
  const { row } = await tx(house.db, scope, (t) => readOpen(t, scope, id, {}), { readOnly: true })
  const decided = await decide(
    house,
    scope,
    row,
    { note: note ?? null, noteVisible },
    { type: 'deny' },
    from,
    (reply) => reply.connection_request,
  )
  return decided.connection_request
}

async function readOpen(t: Tx, scope: Scope, id: string, wishes: TermsIn): Promise<{ row: RequestRow; given: Terms }> {
  const row = await findRequest(t, scope, id)
  if (!row) throw new Problem('not_found')
  await refuseAskingSide(t, scope, row)
  if (row.state !== 'pending' || row.task_id === null) throw new Problem('request_already_decided', { state: row.state })
  const card = await findCard(t, scope, { id: row.card_id })
  const given = narrowed(row.asked, wishes)
  refuseFaulty([...termErrors(given, card?.skills ?? []), ...widerErrors(row.asked, given)])
  return { row, given }
}

type Decision = { type: 'accept' | 'deny' } | { type: 'edit'; args: Record<string, unknown> }

async function decide(
  house: RelayHouse,
  caller: Scope,
  row: RequestRow,
  own: Deciding,
  decision: Decision,
  from: Provenance,
  stored: (reply: Decided) => unknown = (reply) => reply,
): Promise<Decided> {
  const scope: Scope = {
    ...caller,
    async beforeCommit(t) {
      own.reply ??= await undecided(house, t, caller, row.id)
      await caller.beforeCommit?.(t, stored(own.reply))
    },
  }
  deciding.set(scope, own)
  try {
    await decideTask(
      house.tasks,
      scope,
      row.task_id as string,
      { ...decision, reason: own.note ?? null, seen_revision: null },
      from,
    )
  } catch (error) {
    throw await inOurWords(house, caller, row.id, error)
  }
  return own.reply as Decided
}

/** One of several has agreed. */
const undecided = async (house: RelayHouse, t: Tx, scope: Scope, id: string): Promise<Decided> => ({
  connection_request: showRequest(house, (await findRequest(t, scope, id)) as RequestRow, 'owner'),
  relay_grant: null,
  expires_at: null,
})

/** What is said of tasks, said of the request. */
async function inOurWords(house: RelayHouse, scope: Scope, id: string, error: unknown): Promise<unknown> {
  if (!(error instanceof Problem)) return error
  if (error.code === 'task_not_open') return tx(house.db, scope, (t) => decidedAlready(t, scope, id), { readOnly: true })
  return error.code === 'not_eligible' || error.code === 'not_found' ? new Problem('not_owner') : error
}
