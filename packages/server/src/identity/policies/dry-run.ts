// A draft judged by what was really asked (P69): the newest decisions are judged again, and every outcome that would change is listed. Changes nothing and asks nobody.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { decide, type Outcome, openMemory, openSets, readsText } from '../../policy/decide.ts'
import { checkPolicies } from '../../policy/set.ts'
import type { KeyHouse } from '../keys-at-rest/tenant-key.ts'
import { type PolicyHouse, schemaOf } from './judge.ts'
import { findVersion, pass } from './policy.ts'
import { openDecision } from './recorded.ts'
import { listDecisionsBefore } from './sql.ts'

type Side = Pick<Outcome, 'outcome' | 'reason' | 'policy_ids'>
export type Changed = {
  decided_at: Date
  principal: { type: string; id: string }
  action: string
  resource: { type: string; id: string }
  policy_version: number
  before: Side
  after: Side
}
export type DryRun = {
  version: number
  judged: number
  /** Judged without the text of whoever asked, which this version reads and which was not kept. */
  without_content: number
  unreadable: number
  changed: Changed[]
}

const AT_ONCE = 250

export async function dryRun(house: PolicyHouse & KeyHouse, scope: Scope, version: number, most: number): Promise<DryRun> {
  const { text, schema } = await tx(house.db, scope, async (t) => ({
    text: (await findVersion(house, t, scope, version)).text,
    schema: await schemaOf(house, t, scope),
  }))
  pass(checkPolicies(text, schema))
  const { guardrails } = house.policies
  const sets = openSets({ version, text, guardrails, schema })
  const run: DryRun = { version, judged: 0, without_content: 0, unreadable: 0, changed: [] }
  // Only a set that reads it can miss what was not kept.
  const wantsText = readsText(sets)
  const memory = openMemory()
  let before: string | null = null
  while (run.judged + run.unreadable < most) {
    const limit = Math.min(AT_ONCE, most - run.judged - run.unreadable)
    const page = await readPage(house, scope, before, limit)
    for (const { row, request } of page) {
      if (!request) run.unreadable++
      else {
        run.judged++
        if (request.partial && wantsText) run.without_content++
        const { partial: _, ...whole } = request
        const after = decide(whole, sets, memory)
        if (after.outcome !== row.outcome) run.changed.push(changedOf(row, request, after))
      }
    }
    before = page.at(-1)?.row.id ?? null
    if (page.length < limit) break
    // Others have their turn between two pages.
    await new Promise<void>((resume) => setImmediate(resume))
  }
  return run
}

type Page = Awaited<ReturnType<typeof readPage>>

const readPage = (house: PolicyHouse & KeyHouse, scope: Scope, before: string | null, limit: number) =>
  tx(house.db, scope, async (t) => {
    const rows = await listDecisionsBefore(t, scope, { before, limit })
    return Promise.all(rows.map(async (row) => ({ row, request: await openDecision(house, t, scope, row).catch(unreadable) })))
  })

// An envelope whose key is gone is counted, and the run goes on.
const unreadable = (error: unknown): null => {
  if (error instanceof Problem || (error instanceof Error && error.name === 'EnvelopeError')) return null
  throw error
}

function changedOf(row: Page[number]['row'], request: NonNullable<Page[number]['request']>, after: Outcome): Changed {
  return {
    decided_at: row.decided_at,
    principal: request.principal,
    action: row.action,
    resource: request.resource,
    policy_version: row.policy_version,
    before: { outcome: row.outcome, reason: row.reason as Outcome['reason'], policy_ids: row.policy_ids },
    after: { outcome: after.outcome, reason: after.reason, policy_ids: after.policy_ids },
  }
}
