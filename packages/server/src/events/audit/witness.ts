// Once a day the newest checkpoint leaves the house (P116): as an event, which webhooks carry to whoever keeps it elsewhere, and, where one is named, to a
// C2SP witness (tlog-witness) whose cosignature is stored beside the note. A witness that is away costs the cosignature of that day and nothing else.
import { consistencyRanges, nodesOfRanges, rangeHash } from '../../crypto/merkle.ts'
import { systemScope } from '../../db/scope.ts'
import { type Scope, tx } from '../../db/tx.ts'
import { record } from '../event.ts'
import type { AuditHouse } from './house.ts'
import { checkpointsToTell, findCheckpoint, markTold } from './sql.ts'
import { readNodes } from './tree.ts'

/** One post through the guarded door. Throws a Problem when it may not or could not leave. */
export type Witness = {
  url: string
  post(request: { tenantId: string; url: string; body: string; signal: AbortSignal }): Promise<{ status: number; text: string }>
}

const DAY_MS = 24 * 3_600_000
// A little under a day, so that an hourly look tells every day and not every second one.
const APART_MS = DAY_MS - 30 * 60_000
const COSIGNATURE = /^— \S+ [A-Za-z0-9+/=]+$/

/** Answers how many logs were told of. */
export async function tellCheckpoints(
  house: Pick<AuditHouse, 'db' | 'log'>,
  witness: Witness | undefined,
  signal: AbortSignal,
): Promise<number> {
  const due = await tx(house.db, systemScope('audit'), (t) => checkpointsToTell(t, APART_MS))
  let told = 0
  for (const { tenant_id, size, note } of due) {
    signal.throwIfAborted()
    const scope = systemScope('audit', tenant_id)
    const cosignatures = witness ? await cosign(house, scope, { size, note }, witness, signal) : null
    told += await tx(house.db, scope, async (t) => {
      if (!(await markTold(t, tenant_id, size, cosignatures))) return 0
      const row = await findCheckpoint(t, scope, size)
      await record(t, scope, 'audit.checkpoint', { size, root: row?.root.toString('hex'), note, cosignatures })
      return 1
    })
  }
  return told
}

async function cosign(
  { db, log }: Pick<AuditHouse, 'db' | 'log'>,
  scope: Scope,
  checkpoint: { size: number; note: string },
  { url, post }: Witness,
  signal: AbortSignal,
): Promise<string | null> {
  try {
    const first = await offer(db, scope, checkpoint, 0, { url, post }, signal)
    // 409: the witness has seen this log before; its answer is the size that it knows.
    const known = first.status === 409 ? Number(/^(\d{1,15})\s*$/.exec(first.text)?.[1] ?? Number.NaN) : null
    const answer =
      known !== null && known > 0 && known <= checkpoint.size
        ? await offer(db, scope, checkpoint, known, { url, post }, signal)
        : first
    const lines = answer.text.split('\n').filter((line) => COSIGNATURE.test(line))
    if (answer.status === 200 && lines.length > 0) return `${lines.join('\n')}\n`
    log.warn({ status: answer.status, size: checkpoint.size, known }, 'the witness did not cosign the checkpoint')
  } catch (error) {
    log.warn({ err: error, size: checkpoint.size }, 'the witness could not be asked')
  }
  return null
}

async function offer(
  db: AuditHouse['db'],
  scope: Scope,
  { size, note }: { size: number; note: string },
  old: number,
  { url, post }: Witness,
  signal: AbortSignal,
) {
  const ranges = consistencyRanges(old, size)
  const proof = await tx(
    db,
    scope,
    async (t) => {
      const hashOf = await readNodes(t, scope, nodesOfRanges(ranges))
      return ranges.map(([lo, hi]) => `${rangeHash(lo, hi, hashOf).toString('base64')}\n`)
    },
    { readOnly: true },
  )
  return post({
    tenantId: scope.tenantId,
    url: `${url.replace(/\/$/, '')}/add-checkpoint`,
    body: `old ${old}\n${proof.join('')}\n${note}`,
    signal,
  })
}
