// Whether this runtime and the schema it works on fit (Q78, Q144). A runtime that comes before its migration is told so. A migration that begins with `--! breaking` says which file a runtime must
// know; one that does not stops by itself, rather than work on tables it takes for others. Never stops anything: who asks does.
import { isDatabaseError, QueueError } from './error.ts'
import type { Clock, Log } from './host.ts'
import { makeSleeper } from './sleeper.ts'
import { oldestRuntime, SCHEMA_VERSION, vitals } from './sql.ts'
import type { Queryable, Store } from './store.ts'
import type { Wake } from './wake.ts'

/** What PostgreSQL says when there is no such function, no such schema. */
const NOT_THERE = new Set(['42883', '3F000'])

/** Throws `schema_mismatch`, with a sentence for whoever operates it, when the schema tolerates this runtime no more, or is too old for it. */
export async function checkTolerated(db: Queryable): Promise<void> {
  const oldest = await oldestRuntime(db).catch((error: unknown) => {
    if (!(isDatabaseError(error) && NOT_THERE.has(error.code))) throw error
    throw new QueueError(
      'schema_mismatch',
      'the database has no queue, or an older one than this version works with: bring it up to date first (`migrate`), then start this one',
      {},
      { cause: error },
    )
  })
  judge(oldest)
}

function judge(oldest: number): void {
  if (oldest > SCHEMA_VERSION)
    throw new QueueError(
      'schema_mismatch',
      `the database was migrated to file ${pad(oldest)} of the queue, which runtimes that end at ${pad(SCHEMA_VERSION)} cannot work with: this one stops; start the newer version`,
    )
}

export const isOutdated = (error: unknown): boolean => error instanceof QueueError && error.code === 'schema_mismatch'

type House = { store: Store; wake: Wake; clock: Clock; log: Log }

const UNHEARD_MS = 60_000

/**
 * For whoever wants to know although nothing of theirs works or maintains: tells it once, when a migration says so, and looks once a minute while nobody
 * listens. By what readers may read. Ends with `closing`.
 */
export async function watchTolerance(
  { store, wake, clock, log }: House,
  closing: AbortSignal,
  tell: (error: unknown) => void,
): Promise<void> {
  const sleeper = makeSleeper(clock)
  let isDue = false
  const look = () => {
    isDue = true
    sleeper.rouse()
  }
  const unsubscribe = wake.subscribe(({ topic, name }) => {
    // The second is a connection that is back: what was said while it was away was heard by nobody.
    if (topic === 'schema' || (topic === 'work' && name === '*')) look()
  })
  closing.addEventListener('abort', look)
  while (!closing.aborted) {
    await sleeper.sleep(UNHEARD_MS)
    if (closing.aborted || (!isDue && wake.status() === 'listening')) continue
    isDue = false
    try {
      judge((await vitals(store)).oldest_runtime)
    } catch (error) {
      if (isOutdated(error)) {
        tell(error)
        break
      }
      log.debug({ err: error }, 'whether the schema tolerates this version could not be read; looked at again in a minute')
    }
  }
  unsubscribe()
}

const pad = (file: number): string => String(file).padStart(4, '0')
