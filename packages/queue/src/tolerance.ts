// Whether this runtime still knows enough for the schema it works on (Q144). A migration that begins with `--! breaking` says which file a runtime must
// know; one that does not stops by itself, rather than work on tables it takes for others. Never stops anything: who asks does.
import { QueueError } from './error.ts'
import type { Clock, Log } from './host.ts'
import { makeSleeper } from './sleeper.ts'
import { oldestRuntime, SCHEMA_VERSION, vitals } from './sql.ts'
import type { Queryable, Store } from './store.ts'
import type { Wake } from './wake.ts'

/** Throws `schema_mismatch`, with a sentence for whoever operates it, when the schema tolerates this runtime no more. */
export const checkTolerated = async (db: Queryable): Promise<void> => judge(await oldestRuntime(db))

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
