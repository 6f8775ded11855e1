// Which tasks expect to hear what became of their answer (T54): a job each, in the transaction of the end. Says nothing itself: outcome.ts does.
import { enqueueMany } from '@countersign/queue'
import type { Scope, Tx } from '../../db/tx.ts'
import type { TaskRow } from '../sql.ts'

/** A task that expects nothing costs nothing. */
export async function expectOutcomes(t: Tx, scope: Scope, rows: readonly TaskRow[]): Promise<void> {
  const jobs = rows.flatMap((row) =>
    row.status === 'completed' && row.expect_outcome_seconds !== null
      ? [
          {
            kind: 'task.expect_outcome',
            tenantId: scope.tenantId,
            payload: { task_id: row.id },
            runAt: new Date(t.now.getTime() + row.expect_outcome_seconds * 1000),
          },
        ]
      : [],
  )
  if (jobs.length > 0) await enqueueMany(t, jobs)
}
