// The open runs of this process, each with the newest reading of what it may reach, and how fresh that is (V82, V113). Revisions are read every 200 ms; what
// changed is read again at once, and what may not go on is cut. After a second without an answer nothing counts until the next.
import { NO_TENANT, systemScope } from '../../db/scope.ts'
import { type Db, tx } from '../../db/tx.ts'
import type { Clock } from '../../std/clock.ts'
import type { Log } from '../../std/log.ts'
import type { Definition } from '../../vault/providers/definition.ts'
import type { View } from '../decide/view.ts'
import { readPolicies, readRevisions, readRoutes } from './sql.ts'
import { type Routes, readView } from './view.ts'

export type Cut = { runId?: string; connectionId?: string; everythingInjected?: true }

export type Runs = {
  /** Follows this run from now on. */
  follow(runId: string): void
  /** null: it is over. Rejects when the database does not answer. */
  viewOf(runId: string): Promise<View | null>
  isFresh(): boolean
  /** Since the last answer, in milliseconds. */
  lagMs(): number
  open(): readonly string[]
  /** Where a host lets this tenant dial besides public addresses (V108), as its runs were last read. */
  exceptionsOf(tenant: string): readonly string[]
  onCut(listener: (cut: Cut) => void): () => void
  /** One look at the revisions; the timer's own, and a test's. */
  look(): Promise<void>
  close(): void
}

export type RunsOptions = {
  node: string
  db: Db
  clock: Clock
  log: Log
  bundled: ReadonlyMap<string, Definition>
  pollMs?: number
  staleAfterMs?: number
}

type Followed = { view: Promise<View | null> | null; last: View | null; revision: number }
const scope = systemScope('proxy', NO_TENANT)

export function openRuns({ node, db, clock, log, bundled, pollMs = 200, staleAfterMs = 1_000 }: RunsOptions): Runs {
  const followed = new Map<string, Followed>()
  const texts = new Map<string, View['policy']>()
  const exceptions = new Map<string, readonly string[]>()
  const listeners = new Set<(cut: Cut) => void>()
  let heardAt = clock.now().getTime()
  let wasFresh = true
  let closed = false
  let stopTimer: (() => void) | null = null
  let stopWatch: (() => void) | null = null
  const cut = (one: Cut): void => {
    for (const listener of [...listeners]) listener(one)
  }
  const lagMs = (): number => clock.now().getTime() - heardAt
  const isFresh = (): boolean => lagMs() < staleAfterMs

  async function read(runId: string): Promise<View | null> {
    return tx(
      db,
      scope,
      async (t) => {
        const routes = (await readRoutes(t, node, runId)).routes as Routes | null
        if (routes === null) return null
        const known = texts.get(routes.run.tenant_id)
        const row = await readPolicies(t, node, runId, known?.version ?? null)
        // A tenant without a set permits nothing.
        const policy =
          row === null
            ? { version: 0, text: '' }
            : row.text === null
              ? (known as View['policy'])
              : { version: row.version, text: row.text }
        texts.set(routes.run.tenant_id, policy)
        exceptions.set(routes.run.tenant, routes.egress_allow)
        return readView(routes, policy, bundled)
      },
      { readOnly: true, isolation: 'repeatable read' },
    )
  }

  /** Reads anew and cuts what the last reading allowed and this one does not. */
  async function renew(runId: string, one: Followed): Promise<View | null> {
    const reading = read(runId)
    one.view = reading
    try {
      const view = await reading
      for (const connectionId of lostBetween(one.last, view)) cut({ runId, connectionId })
      one.last = view
      if (view) one.revision = view.revision
      return view
    } catch (error) {
      if (one.view === reading) one.view = null
      throw error
    }
  }

  async function look(): Promise<void> {
    const ids = [...followed.keys()]
    const rows = await tx(db, scope, (t) => readRevisions(t, node, ids), { readOnly: true })
    heardAt = clock.now().getTime()
    wasFresh = true
    for (const { run_id: runId, is_open: isOpen, revision } of rows) {
      const one = followed.get(runId)
      if (!one) continue
      if (!isOpen) {
        followed.delete(runId)
        cut({ runId })
      } else if (one.view !== null && revision !== one.revision) await renew(runId, one)
    }
  }

  const tick = (): void => {
    if (closed) return
    look()
      .catch((error: unknown) => log.debug({ err: error }, 'the proxy could not read how far its tenants are'))
      .finally(() => {
        if (!closed) stopTimer = clock.timer(pollMs, tick)
      })
  }
  stopTimer = clock.timer(pollMs, tick)

  /** Apart from the reading: a database that takes a question and never answers is away as well. */
  const watch = (): void => {
    if (!isFresh() && wasFresh) {
      wasFresh = false
      log.error({ lag_ms: lagMs() }, 'the proxy hears nothing of its control plane and lets nothing out')
      cut({ everythingInjected: true })
    }
    stopWatch = clock.timer(pollMs, watch)
  }
  stopWatch = clock.timer(pollMs, watch)

  return {
    follow(runId) {
      if (!followed.has(runId)) followed.set(runId, { view: null, last: null, revision: -1 })
    },
    async viewOf(runId) {
      const one = followed.get(runId)
      if (!one) return null
      return (await (one.view ?? renew(runId, one))) ?? null
    },
    isFresh,
    lagMs,
    open: () => [...followed.keys()],
    exceptionsOf: (tenant) => exceptions.get(tenant) ?? [],
    onCut(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    look,
    close() {
      closed = true
      stopTimer?.()
      stopWatch?.()
    },
  }
}

/** Connections by which a request could go out before and cannot any more. */
function lostBetween(before: View | null, after: View | null): string[] {
  const usable = (view: View | null) =>
    new Set(
      (view?.connections ?? [])
        .filter(({ status, grants }) => status === 'connected' && grants.some((grant) => grant.status === 'active'))
        .map(({ id }) => id),
    )
  const now = usable(after)
  return [...usable(before)].filter((id) => !now.has(id))
}
