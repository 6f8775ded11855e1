// Whether this process lives and whether it is ready: for probes and load balancers, without a credential and without a detail for strangers.
import { Problem } from '@countersign/sdk'
import { systemScope } from '../db/scope.ts'
import { type Db, tx } from '../db/tx.ts'
import { type Route, route, s } from '../http/route.ts'
import { readStore } from './sql.ts'

export type StatusHouse = { db: Db; version: string }

const ANSWERS_WITHIN_MS = 1_000
const KEPT_MS = 1_000

type Finding = { ready: boolean; checks: string[] }

export function statusRoutes(house: StatusHouse): Route[] {
  const look = oneAtATime(house)
  const open = { tag: 'status', auth: 'none', bucket: 'none' } as const
  return [
    route(
      'GET /livez',
      { ...open, summary: 'The process lives', answers: { 200: s.object({ status: s.oneOf('ok') }) } },
      async () => ({ status: 'ok' }),
    ),
    route(
      'GET /readyz',
      {
        ...open,
        summary: 'The process can serve',
        answers: { 200: s.object({ status: s.oneOf('ok') }) },
        problems: ['not_ready'],
      },
      async () => {
        const { ready, checks } = await look()
        if (!ready) throw new Problem('not_ready', { checks, retry_after: 1 })
        return { status: 'ok' }
      },
    ),
    route(
      'GET /health',
      {
        ...open,
        summary: 'For load balancers',
        answers: { 200: s.object({ status: s.oneOf('ok'), version: s.text() }) },
        problems: ['not_ready'],
      },
      async () => {
        const { ready, checks } = await look()
        if (!ready) throw new Problem('not_ready', { checks, retry_after: 1 })
        return { status: 'ok', version: house.version }
      },
    ),
  ]
}

/** However many probes ask, the database is asked once a second. */
function oneAtATime(house: StatusHouse): () => Promise<Finding> {
  let last: { at: number; finding: Promise<Finding> } | undefined
  return () => {
    const now = house.db.clock.now().getTime()
    if (!last || now - last.at >= KEPT_MS || now < last.at) last = { at: now, finding: find(house) }
    return last.finding
  }
}

async function find({ db }: StatusHouse): Promise<Finding> {
  let stop: (() => void) | undefined
  const late = new Promise<'late'>((resolve) => {
    stop = db.clock.timer(ANSWERS_WITHIN_MS, () => resolve('late'))
  })
  const asked = tx(db, systemScope('status'), readStore, { readOnly: true }).catch((error: unknown) => {
    if (error instanceof Problem) return 'away' as const
    throw error
  })
  const answer = await Promise.race([asked, late])
  stop?.()
  return answer === 'late' || answer === 'away' ? { ready: false, checks: ['database'] } : { ready: true, checks: [] }
}
