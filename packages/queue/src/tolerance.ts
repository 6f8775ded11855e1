// Whether this runtime still knows enough for the schema it works on (Q144). A migration that begins with `--! breaking` says which file a runtime must
// know; one that does not stops by itself, rather than work on tables it takes for others. Never stops anything: who asks does.
import { QueueError } from './error.ts'
import { oldestRuntime, SCHEMA_VERSION } from './sql.ts'
import type { Queryable } from './store.ts'

/** Throws `schema_mismatch`, with a sentence for whoever operates it, when the schema tolerates this runtime no more. */
export async function checkTolerated(db: Queryable): Promise<void> {
  const oldest = await oldestRuntime(db)
  if (oldest > SCHEMA_VERSION)
    throw new QueueError(
      'schema_mismatch',
      `the database was migrated to file ${pad(oldest)} of the queue, which runtimes that end at ${pad(SCHEMA_VERSION)} cannot work with: this one stops; start the newer version`,
    )
}

export const isOutdated = (error: unknown): boolean => error instanceof QueueError && error.code === 'schema_mismatch'

const pad = (file: number): string => String(file).padStart(4, '0')
