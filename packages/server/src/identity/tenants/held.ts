// Whose jobs wait because their tenant is not active (P11). A worker asks before each job and is answered from memory; a change wakes it, and a second
// at most goes by where the wake-up was lost. Never runs a job, and never lets one of a held tenant through on an old answer for longer than that.
import { type Kind, snooze } from '@countersign/queue'
import { type Db, once } from '../../db/tx.ts'
import { heldTenants } from './sql.ts'
import { STATES_TOPIC } from './tenant.ts'

export type Holds = {
  isHeld(tenantId: string): Promise<boolean>
  /** The same kind, whose jobs come back later while their tenant is held. It costs them no attempt. */
  over(kind: Kind): Kind
  close(): void
}

const FRESH_MS = 1_000
const LATER = '1m'

export function openHolds(db: Db): Holds {
  let last: { at: number; held: Promise<Set<string>> } | undefined
  const unsubscribe = db.listen.subscribe(STATES_TOPIC, () => {
    last = undefined
  })
  const held = (): Promise<Set<string>> => {
    const now = db.clock.now().getTime()
    if (!last || now - last.at >= FRESH_MS || now < last.at) {
      const asked = once<{ id: string }>(db, heldTenants()).then((rows) => new Set(rows.map((row) => row.id)))
      last = { at: now, held: asked }
      // Who asks next asks anew; whoever asked now hears why.
      asked.catch(() => {
        last = undefined
      })
    }
    return last.held
  }
  const isHeld = async (tenantId: string) => (await held()).has(tenantId)
  return {
    isHeld,
    over: (kind) =>
      // A batch mixes tenants and is its owner's to hold; none of ours is one.
      kind.batch
        ? kind
        : { ...kind, run: async (job, ctx) => ((await isHeld(job.tenantId)) ? snooze(LATER) : kind.run(job, ctx)) },
    close: unsubscribe,
  }
}
