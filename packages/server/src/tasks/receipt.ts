// The receipt of a task (T156): who decided what, on which content, as a compact JWS that verifies with the published keys alone, also after the content is
// erased. Holds digests; the texts that were digested only where the caller asked for them and may see them. Never of a task that has not ended.
import { Problem } from '@countersign/sdk'
import { sha256Hex } from '../crypto/token.ts'
import type { Scope } from '../db/scope.ts'
import { type Tx, tx } from '../db/tx.ts'
import { type Receipt, sealMember, signReceipt } from '../events/audit/receipt.ts'
import { findEventIds } from '../events/sql.ts'
import { reach } from '../identity/matrix.ts'
import { openContents } from './content.ts'
import { decidedText, shownText } from './digest.ts'
import type { TasksHouse } from './house.ts'
import { seeTask } from './look.ts'
import { hidesAny } from './redaction.ts'
import { ENDS } from './settle.ts'
import { type DecisionRow, findDecisionDigests, findDecisions, isFinal, type TaskRow } from './sql.ts'
import { surfaceOf } from './wire.ts'

type Decision = {
  id: string
  person: string
  type: string
  decision_sha256: string
  at: Date
  channel: string
  assurance: string
  /** The key that says whose decision it is; nobody else vouches for that (T19, T125). */
  attested_by?: string
  content?: string
}
type Members = {
  task_id: string
  revision: number
  content_sha256: string | null
  status: string
  outcome: string | null
  settled_at: Date | null
  decisions: Decision[]
  event_id: string | null
  content?: string
}

export async function taskReceipt(house: TasksHouse, scope: Scope, id: string, include: 'content' | undefined): Promise<Receipt> {
  const members = await tx(house.db, scope, (t) => readMembers(house, t, scope, id, include === 'content'), { readOnly: true })
  // Signed at once; the way to the checkpoint joins it as soon as the event is sealed, which takes about a second.
  const seal = members.event_id === null ? null : await sealMember(house, scope, members.event_id)
  return signReceipt(house, scope, { ...members, ...(seal ? { seal } : {}) })
}

async function readMembers(house: TasksHouse, t: Tx, scope: Scope, id: string, withContent: boolean): Promise<Members> {
  const { row } = await seeTask(t, scope, id, 'task.receipt')
  if (!isFinal(row.status))
    throw new Problem('state_conflict', { state: row.status, detail: 'A task has a receipt once it has ended.' })
  if (withContent && reach(scope, 'task.content') === 'none')
    throw new Problem('forbidden', { action: 'task.content', detail: 'This receipt is yours, its content is not.' })
  if (withContent && hidesAny(row, surfaceOf(scope)))
    throw new Problem('forbidden', {
      action: 'task.reveal',
      detail: 'Parts of this task are hidden here: its digests are all that the receipt may hold.',
    })
  const rows = (await findDecisions(t, scope, [id])).filter((one) => one.state === 'counted')
  const digests = new Map((await findDecisionDigests(t, scope, id)).map((one) => [one.id, one.content_sha256.toString('hex')]))
  const opener = await openContents(house, t, scope, [id])
  const erased = row.erased_at !== null
  const content = erased ? null : shownText(scope, row, opener.task(row))
  const [event = null] = await findEventIds(t, scope, id, Object.values(ENDS))
  // What was decided on is what the decision digested; nobody decided a task that ended otherwise, so there it is what stands in it.
  const content_sha256 = (rows[0] && digests.get(rows[0].id)) ?? (content === null ? null : sha256Hex(content))
  return {
    task_id: id,
    revision: rows[0]?.seen_revision ?? row.revision,
    content_sha256,
    status: row.status,
    outcome: row.outcome,
    settled_at: settledAt(row),
    event_id: event,
    decisions: rows.map((one) => ({
      ...{ id: one.id, person: one.person, type: one.type, decision_sha256: one.decision_sha256.toString('hex') },
      ...{ at: one.decided_at, channel: one.channel, assurance: one.assurance },
      ...(one.attested_by === null ? {} : { attested_by: one.attested_by }),
      ...(withContent && content !== null ? { content: decisionText(one, opener.decision(one), content_sha256 as string) } : {}),
    })),
    ...(withContent && content !== null && sha256Hex(content) === content_sha256 ? { content } : {}),
  }
}

const decisionText = (
  row: DecisionRow,
  { response, args, reason }: { response: unknown; args: unknown; reason: unknown },
  contentSha256: string,
): string => decidedText(contentSha256, { type: row.type, response, args, reason, userId: row.person })

const settledAt = (row: TaskRow): Date | null =>
  row.completed_at ?? row.timed_out_at ?? row.cancelled_at ?? row.verification_exhausted_at
