// The review of what was handed in (relay.md R21): a task of the review tenant, with the difference to the version that is listed; its end is the decision, from whatever
// channel, in one transaction with what it means for the card. Of all who come at once one decides. Nobody of the submitter's side does.
import { Problem } from '@countersign/sdk'
import { canonical } from '../../crypto/canonical.ts'
import { type Scope, systemScope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { composeEvents, eventTopic, SEAL_TOPIC } from '../../events/event.ts'
import type { ActEnd, HeldActs } from '../../tasks/asks/held.ts'
import { withdrawTaskIn } from '../../tasks/change.ts'
import { openContents } from '../../tasks/content.ts'
import { type Prepared, prepareTask } from '../../tasks/creation.ts'
import { decideTask, type Provenance } from '../../tasks/decision.ts'
import { RUNNERS } from '../../tasks/routing/sql.ts'
import { EVERY, findTask, type TaskRow } from '../../tasks/sql.ts'
import { createTaskIn } from '../../tasks/task.ts'
import { enqueueReview } from '../cards/review-job.ts'
import type { RelayHouse } from '../house.ts'
import { isOfAskingSide } from '../requests/sql.ts'
import {
  decideIfSubmitted,
  delistIfListed,
  findReviewTenant,
  findSubmission,
  noteReview,
  type Submission,
  tellOwner,
} from './sql.ts'

const A_YEAR = 31_536_000

/** `tenantId`: of the card, or of those who review it. Brings the question to where the card is: asked about the version that waits, and about no other. Done twice it is done once. */
export async function openReview(house: RelayHouse, tenantId: string, cardId: string): Promise<void> {
  const owner = systemScope('relay', tenantId)
  const found = await tx(house.db, owner, (t) => findReviewTenant(t, owner, cardId), { readOnly: true })
  if (found && found.review_tenant === null) return
  // A job of the reviewers' own is of their tenant, where the card does not lie.
  const scope = systemScope('relay', found?.review_tenant ?? tenantId)
  const seen = await tx(house.db, scope, (t) => findSubmission(t, cardId), { readOnly: true })
  if (!seen || (seen.task_version ?? null) === wanted(seen)) return
  const prepared = wanted(seen) === null ? null : await questionOf(house, scope, cardId, seen)
  await tx(house.db, scope, async (t) => {
    const now = await findSubmission(t, cardId)
    if (!now || wanted(now) !== wanted(seen) || now.task_id !== seen.task_id) throw new Problem('busy', { retry_after: 1 })
    if (now.task_id !== null) {
      await noted(t, cardId, now.task_id, null, null)
      await withdrawTaskIn(house.tasks, t, scope, now.task_id, 'Another version waits, or none does any more.')
    }
    if (prepared) await noted(t, cardId, null, (await createTaskIn(house.tasks, t, prepared)).id, wanted(seen))
  })
}

const wanted = ({ submitted_version, state }: Submission): number | null => (state === 'retired' ? null : submitted_version)

/** Of two that see to one card at once the second leaves nothing, and looks again. */
async function noted(t: Tx, id: string, seen: string | null, task: string | null, version: number | null): Promise<void> {
  if ((await noteReview(t, id, seen, task, version)).n === 0) throw new Problem('busy', { retry_after: 1 })
}

async function questionOf({ tasks }: RelayHouse, scope: Scope, cardId: string, seen: Submission): Promise<Prepared> {
  const { slug, submitted_version: version, content, listed_content: listed, listed_version, domains, health } = seen
  const prepared = await prepareTask(
    tasks,
    scope,
    {
      task: `May ${slug} be listed?`,
      description:
        'Whoever searches the listing finds it from then on. It gives nobody a right to call it. Whoever rejects says why.',
      payload: {
        ...{ card_id: cardId, agent: slug, version, listed_version },
        difference: differenceOf(listed, content) as unknown as Record<string, unknown>[],
        ...{ verified_domains: domains, health },
      } as Record<string, unknown>,
      action: {
        name: 'card.review',
        args: { card_id: cardId, version },
        description: 'What is listed.',
        allow: ['accept', 'deny'],
      },
      timeout_seconds: A_YEAR,
      on_timeout: 'deny',
      tags: ['approval', 'relay'],
      metadata: { action: 'card.review', card_id: cardId, version },
    },
    'native',
  )
  return {
    ...prepared,
    act: { origin: 'relay', ref: cardId },
    quorum: {
      groups: [{ name: null, need: 1, assignment: null }],
      ...{ on_deny: 'first' as const, combine: 'last' as const, separate: true, blind: false, sent: 1 },
    },
    asker: seen.submitted_by ?? prepared.asker,
    reached: [RUNNERS],
  }
}

/** Side by side, by field; without a listed version all of it is new. */
function differenceOf(before: object | null, after: object | null) {
  const [old, now] = [(before ?? {}) as Record<string, unknown>, (after ?? {}) as Record<string, unknown>]
  return [...new Set([...Object.keys(old), ...Object.keys(now)])]
    .filter((field) => canonical(old[field] ?? null) !== canonical(now[field] ?? null))
    .map((field) => ({ field, listed: old[field] ?? null, submitted: now[field] ?? null }))
}

export type Reviewed = ReturnType<typeof showReviewed>
const showReviewed = (id: string, slug: string, listing: Submission['listing'], version: number, pending: number | null) => ({
  ...{ card_id: id, slug, listing, version },
  pending_version: pending,
})

/** What a call of the route is handed of what came of it; by its scope, which nobody else has. */
const replies = new WeakMap<Scope, { reply?: Reviewed }>()

export const reviewActs = (house: RelayHouse): HeldActs => ({
  async waiting(t, scope, taskId) {
    const task = await findTask(t, scope, taskId, EVERY)
    const seen = task && (await findSubmission(t, task.origin_ref as string))
    return task && seen?.task_id === taskId
      ? { on_timeout: 'deny', escalated_at: null, opened_at: task.created_at, expires_at: task.deadline_at }
      : null
  },
  escalated: async () => undefined,
  async refuseDecider(t, scope, task) {
    const seen = await findSubmission(t, task.origin_ref as string)
    if (seen) await refuseSubmitter(t, scope, seen)
  },
  settled: (t, scope, task, end) => settle(house, t, scope, task, end),
  // Such a question is answered by yes or no.
  judgeEdit: async () => 1,
})

async function refuseSubmitter(t: Tx, scope: Scope, { tenant_id: tenant, submitted_by: by }: Submission): Promise<void> {
  if (scope.userId === null) return
  const isTheirs = scope.userId === by || (tenant !== scope.tenantId && (await isOfAskingSide(t, tenant, scope.userId)).is)
  if (isTheirs) throw new Problem('separation_of_duties')
}

async function settle(house: RelayHouse, t: Tx, scope: Scope, task: TaskRow, end: ActEnd): Promise<void> {
  const id = task.origin_ref as string
  const seen = await findSubmission(t, id)
  const isIts = seen?.task_id === task.id
  if (end === 'expired' || end === 'withdrawn') {
    if (!isIts) return
    // Nobody has decided: it still waits, and is asked anew.
    await noteReview(t, id, task.id, null, null)
    await enqueueReview(t, scope, id)
    return
  }
  if (!isIts) throw new Problem('listing_conflict', { state: seen?.listing ?? 'direct_link_only' })
  await refuseSubmitter(t, scope, seen)
  const said = (await openContents(house.tasks, t, scope, [task.id])).task(task).response as { reason?: string } | null
  const note = said?.reason ?? null
  if (end === 'refused' && note === null) throw missing()
  const version = seen.task_version as number
  const decided = await decideIfSubmitted(t, id, version, end === 'agreed', note)
  if (!decided) throw new Problem('listing_conflict', { state: seen.listing })
  const data = { version, ...(note !== null && { note }) }
  await tellBack(t, seen.tenant_id, id, end === 'agreed' ? 'card.listed' : 'card.rejected', data)
  if (decided.pending_version !== null) await enqueueReview(t, scope, id)
  const own = replies.get(scope)
  if (own) own.reply = showReviewed(id, seen.slug, decided.listing, version, decided.pending_version)
}

const missing = () =>
  new Problem('validation_failed', { errors: [{ path: '/note', code: 'required', message: 'Whoever rejects says why.' }] })

/** On the record of its owner, who learns what was decided and not by whom. */
async function tellBack(
  t: Tx,
  tenantId: string,
  id: string,
  type: 'card.listed' | 'card.rejected' | 'card.delisted',
  data: Record<string, string | number>,
) {
  const there = systemScope('relay', tenantId)
  const options = { resource: { type: 'card', id } }
  for (const { body } of composeEvents(t, [{ scope: there, type, data: { card_id: id, ...data }, options }]))
    await tellOwner(t, id, body)
  t.wake(eventTopic(there))
  t.wake(SEAL_TOPIC)
}

export type Review = { version: number; decision: 'list' | 'reject' | 'delist'; note?: string }

export async function reviewCard(
  house: RelayHouse,
  caller: Scope,
  id: string,
  review: Review,
  from: Provenance,
): Promise<Reviewed> {
  const { version, decision, note } = review
  if (decision === 'delist') return delist(house, caller, id, note ?? null)
  if (decision === 'reject' && note === undefined) throw missing()
  const seen = await look(house, caller, id, version)
  // The job that asks may not have come yet.
  if (seen.task_version !== version) await openReview(house, seen.tenant_id, id)
  const { task_id: taskId, listing } = seen.task_version === version ? seen : await look(house, caller, id, version)
  const own: { reply?: Reviewed } = {}
  const scope: Scope = {
    ...caller,
    beforeCommit: async (t) => caller.beforeCommit?.(t, own.reply),
  }
  replies.set(scope, own)
  const answer = {
    type: decision === 'list' ? ('accept' as const) : ('deny' as const),
    reason: note ?? null,
    seen_revision: null,
  }
  try {
    await decideTask(house.tasks, scope, taskId as string, answer, from)
  } catch (error) {
    if (error instanceof Problem && (error.code === 'task_not_open' || error.code === 'already_decided'))
      throw new Problem('listing_conflict', { state: listing })
    throw error
  }
  return own.reply as Reviewed
}

async function look(house: RelayHouse, scope: Scope, id: string, version: number): Promise<Submission> {
  const seen = await tx(house.db, scope, (t) => findSubmission(t, id), { readOnly: true })
  if (!seen) throw new Problem('not_found')
  if (seen.submitted_version !== version) throw new Problem('listing_conflict', { state: seen.listing })
  return seen
}

const delist = (house: RelayHouse, scope: Scope, id: string, note: string | null): Promise<Reviewed> =>
  tx(house.db, scope, async (t) => {
    const seen = await findSubmission(t, id)
    if (!seen) throw new Problem('not_found')
    await refuseSubmitter(t, scope, seen)
    const gone = await delistIfListed(t, id, note)
    if (!gone) throw new Problem('listing_conflict', { state: seen.listing })
    await tellBack(t, seen.tenant_id, id, 'card.delisted', { ...(note !== null && { note }) })
    await enqueueReview(t, scope, id)
    return showReviewed(id, seen.slug, 'direct_link_only', seen.version, null)
  })
