// Whether this process can serve (P141): the database answers within a second, its schema is that of this version, the key ring opens, and somebody keeps the house.
// Says names of checks and nothing else, and asks the database once a second however many probes ask.
import type { Queue } from '@countersign/queue'
import { Problem } from '@countersign/sdk'
import type { Keyring } from '../crypto/keyring.ts'
import { compareMigrations, listMigrations } from '../db/migrate.ts'
import { type Applied, listApplied } from '../db/migrations/sql.ts'
import { systemScope } from '../db/scope.ts'
import { type Db, tx } from '../db/tx.ts'

export type ReadinessHouse = { db: Db; keyring: Keyring; queue: Pick<Queue, 'health'> }
export type CheckName = 'database' | 'migrations' | 'key_ring' | 'maintenance'
/** `checks`: what is not as it should be. */
export type Readiness = { checks: CheckName[] }

const WITHIN_MS = 1_000
const KEPT_MS = 1_000
/** A lease changes hands in seconds when its holder dies; for so long nothing that matters is late. */
const LEASE_MS = 30_000

export function openReadiness(house: ReadinessHouse): () => Promise<Readiness> {
  const now = () => house.db.clock.now().getTime()
  let asked: { at: number; found: Promise<Readiness> } | undefined
  let kept = Number.NEGATIVE_INFINITY

  async function find(): Promise<Readiness> {
    const found = await within(house, look(house))
    if (found === null) return { checks: ['database', ...keyring(house)] }
    if (found.leads) kept = now()
    const checks: CheckName[] = [...found.checks, ...keyring(house)]
    return { checks: now() - kept <= LEASE_MS ? checks : [...checks, 'maintenance'] }
  }

  return () => {
    const at = now()
    if (!asked || at - asked.at >= KEPT_MS || at < asked.at) asked = { at, found: find() }
    return asked.found
  }
}

async function within<T>({ db }: ReadinessHouse, work: Promise<T>): Promise<T | null> {
  let stop: (() => void) | undefined
  const late = new Promise<null>((resolve) => {
    stop = db.clock.timer(WITHIN_MS, () => resolve(null))
  })
  const away = work.catch((error: unknown) => {
    if (error instanceof Problem) return null
    throw error
  })
  const found = await Promise.race([away, late])
  stop?.()
  return found
}

async function look({ db, queue }: ReadinessHouse): Promise<{ checks: CheckName[]; leads: boolean }> {
  const [applied, health] = await Promise.all([
    tx(db, systemScope('status'), async (t) => (await t.query(listApplied)).rows as Applied[], { readOnly: true }),
    queue.health(),
  ])
  const { pending, changed, ahead } = compareMigrations(ours(), applied)
  const equal = pending.length + changed.length + ahead.length === 0
  return { checks: equal ? [] : ['migrations'], leads: health.leader !== null }
}

/** The files of a running version do not change. */
let known: ReturnType<typeof listMigrations> | undefined
const ours = () => {
  known ??= listMigrations()
  return known
}

/** Derives a key as every request does; a ring whose secret is gone cannot. */
function keyring(house: ReadinessHouse): CheckName[] {
  try {
    house.keyring.purpose('cursor')
    return []
  } catch (error) {
    if (error instanceof Error) return ['key_ring']
    throw error
  }
}
