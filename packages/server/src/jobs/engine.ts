// What this room reads of the engine beyond its plain verbs: pages within a mark, one job within a mark, and who paused what.
import type { JobFilter, JobRow } from '@countersign/queue'
import { Problem } from '@countersign/sdk'
import type { Scope } from '../db/scope.ts'
import type { Tx } from '../db/tx.ts'
import { reachesShared } from '../identity/installation.ts'
import type { JobsHouse } from './house.ts'
import { isWithin } from './own.ts'
import type { EnginePage } from './page.ts'

/** How often a page is filled up, when most of what is found is not what was asked for. */
const LOOKS = 10

/** What is asked beyond what the engine's list looks for by itself. */
type Also = { mark: string | null; reason?: string }

/** A page of jobs within a mark. The engine looks for one tag: a second one, asked for by the caller, is looked for in what the mark finds. */
export async function readJobs(
  { queue }: JobsHouse,
  t: Tx,
  filter: JobFilter,
  { mark, reason }: Also,
  page: { after?: string; limit: number },
): Promise<EnginePage<JobRow>> {
  const { tag } = filter
  const fits = (job: JobRow) =>
    (mark === null || tag === undefined || job.tags.includes(tag)) && (reason === undefined || job.state_reason === reason)
  const asked = mark === null ? filter : { ...filter, tag: mark }
  const data: JobRow[] = []
  let after = page.after
  for (let looks = 0; looks < LOOKS; looks++) {
    const part = await queue.jobs(asked, { after, limit: page.limit - data.length, tx: t })
    data.push(...part.data.filter(fits))
    after = part.next_cursor ?? undefined
    if (after === undefined || data.length === page.limit) break
  }
  return { data, next_cursor: after ?? null }
}

/** A job that this scope reaches; null for one that is not there or not its own. */
export async function findWithin({ queue }: JobsHouse, t: Tx, id: string, mark: string | null): Promise<JobRow | null> {
  const job = await queue.job(id, { tx: t })
  return job && isWithin(job, mark) ? job : null
}

/** For what is done to a queue or a kind as a whole. Every tenant drains what is its own. */
export async function guardShared(t: Tx, scope: Scope, action: string): Promise<void> {
  if (await reachesShared(t, scope)) return
  throw new Problem('forbidden', {
    action,
    detail: 'Queues and kinds are shared by all tenants: ask a host of this installation.',
  })
}

/** Who paused something, as the engine keeps it: with the tenant, so that no other tenant reads the name. */
export const actorText = (scope: Scope): string => `${scope.tenantId}/${scope.principal}`

export function actorOf(scope: Scope, text: string | null): string | null {
  if (text === null || !/^[0-9a-f-]{36}\//.test(text)) return text
  return text.startsWith(`${scope.tenantId}/`) ? text.slice(37) : null
}
