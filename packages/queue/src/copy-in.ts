// The bulk path (Q33): any iterable of jobs, in one transaction, by array calls of enqueue_many. While one call is under way the next is gathered, and
// the source is asked for no more than that, so memory is bounded by the two. Never holds the jobs, and never commits a transaction of the caller.
import type pg from 'pg'
import { checkedOne } from './checked.ts'
import { beginCopy, commitCopy, release, rollbackCopy, savepoint, undo } from './copy-in/sql.ts'
import { type Enqueue, spokenJob } from './enqueue.ts'
import { asQueueError, type Fault, QueueError } from './error.ts'
import type { Kind } from './kind.ts'
import { enqueueMany } from './sql.ts'
import type { Queryable } from './store.ts'

export type CopyOptions = {
  /** `atomic` (default): the first bad or duplicate job refuses all; `skip`: the others go in. */
  mode?: 'atomic' | 'skip'
  /** Jobs of these kinds are checked by their schemas, take their settings and are sealed by their codecs; others go in as they are. */
  kinds?: readonly Kind[]
}

/** A job that did not go in, by its place in the input. */
export type Refused = { index: number; code: string; message: string; errors?: readonly Fault[]; job_id?: string }

/** In input order; null where a job was refused. */
export type CopiedIds = Iterable<string | null> & { readonly length: number; at(index: number): string | null }

export type Copied = { count: number; ids: CopiedIds; refused: Refused[] }

// A thousand small jobs are one call of some 10 ms; a few large ones are, too. Larger calls were no faster and held more.
const A_CALL = { jobs: 1_000, bytes: 2 * 1_048_576 }

type Spoken = { index: number; text: string; takesHolder: boolean }

/**
 * Enqueues any number of jobs in one transaction: of the caller, or of a connection of the pool.
 * @example const { count } = await copyIn(pool, readOrders())
 * @example await copyIn({ tx: client }, jobs, { mode: 'skip' })
 */
export async function copyIn(
  to: Pick<pg.Pool, 'connect'> | { tx: Queryable },
  jobs: Iterable<Enqueue> | AsyncIterable<Enqueue>,
  options: CopyOptions = {},
): Promise<Copied> {
  if ('tx' in to) return copy(to.tx, jobs, options)
  const client = await to.connect()
  let broken = false
  // A connection that breaks between two statements says so by this event; the next statement tells the caller.
  const onError = () => {
    broken = true
  }
  client.on('error', onError)
  try {
    await client.query(beginCopy)
    const copied = await copy(client, jobs, options)
    await client.query(commitCopy)
    return copied
  } catch (error) {
    await client.query(rollbackCopy).catch(onError)
    throw asQueueError(error)
  } finally {
    client.off('error', onError)
    client.release(broken)
  }
}

async function copy(
  tx: Queryable,
  jobs: Iterable<Enqueue> | AsyncIterable<Enqueue>,
  { mode = 'atomic', kinds: declared = [] }: CopyOptions,
): Promise<Copied> {
  const kinds = new Map(declared.map((kind) => [kind.name, kind]))
  const ids = new Ids()
  const refused: Refused[] = []
  const store = mode === 'atomic' ? storeAll : storeWhatGoes
  let underWay: Promise<void> = Promise.resolve()
  let batch: Spoken[] = []
  let bytes = 0
  let index = 0

  const send = async () => {
    await underWay
    const sent = batch
    batch = []
    bytes = 0
    underWay = store(tx, sent, ids, refused)
    // Awaited before the next call and at the end; until then a failure of it is no unhandled one.
    underWay.catch(() => undefined)
  }
  try {
    for await (const job of jobs) {
      const spoken = await speak(kinds, job, index++, mode, refused)
      if (!spoken) continue
      batch.push(spoken)
      bytes += spoken.text.length
      if (batch.length >= A_CALL.jobs || bytes >= A_CALL.bytes) await send()
    }
    await send()
  } finally {
    // Also when the source fails: a caller gets its transaction back with nothing under way in it.
    await underWay
  }
  ids.reach(index)
  refused.sort((a, b) => a.index - b.index)
  return { count: index - refused.length, ids, refused }
}

/** The job as text, or its refusal: thrown when it refuses all. */
async function speak(
  kinds: ReadonlyMap<string, Kind>,
  given: Enqueue,
  index: number,
  mode: 'atomic' | 'skip',
  refused: Refused[],
): Promise<Spoken | null> {
  try {
    const job = kinds.has(given.kind) ? await checkedOne(kinds, given) : given
    const onConflict: string | undefined = job.unique?.onConflict
    return { index, text: spokenJob(job), takesHolder: onConflict !== undefined && !['return', 'reject'].includes(onConflict) }
  } catch (error) {
    if (!(error instanceof QueueError)) throw error
    if (mode === 'atomic') throw at(error, index)
    refused.push(refusal(error, index))
    return null
  }
}

const callMany = (tx: Queryable, batch: readonly Spoken[]) => enqueueMany(tx, `[${batch.map((one) => one.text).join()}]`)

/** `atomic`: one call, and its first fault is everybody's. */
async function storeAll(tx: Queryable, batch: readonly Spoken[], ids: Ids): Promise<void> {
  if (batch.length === 0) return
  const answers = await callMany(tx, batch).catch((error: unknown) => {
    const known = asQueueError(error)
    const inCall = known instanceof QueueError ? known.members.index : undefined
    throw typeof inCall === 'number' ? at(known as QueueError, (batch[inCall] as Spoken).index) : known
  })
  answers.forEach(({ id, conflict }, n) => {
    const { index, takesHolder } = batch[n] as Spoken
    if (conflict && !takesHolder) throw at(duplicate(id), index)
    ids.set(index, id)
  })
}

/** `skip`: what one call refuses is undone; the job that it names stays out, or, when it names none, the halves are tried apart. */
async function storeWhatGoes(tx: Queryable, batch: readonly Spoken[], ids: Ids, refused: Refused[]): Promise<void> {
  if (batch.length === 0) return
  await tx.query(savepoint)
  const failure = await callMany(tx, batch).then(
    (answers) => {
      answers.forEach(({ id, conflict }, n) => {
        const { index, takesHolder } = batch[n] as Spoken
        if (conflict && !takesHolder) refused.push(refusal(duplicate(id), index))
        else ids.set(index, id)
      })
      return null
    },
    (error: unknown) => ({ error: asQueueError(error) }),
  )
  if (!failure) {
    await tx.query(release)
    return
  }
  const { error } = failure
  if (!(error instanceof QueueError)) throw error
  await tx.query(undo)
  await tx.query(release)
  const named = batch.length === 1 ? 0 : error.members.index
  if (typeof named !== 'number') {
    const half = batch.length >> 1
    await storeWhatGoes(tx, batch.slice(0, half), ids, refused)
    return storeWhatGoes(tx, batch.slice(half), ids, refused)
  }
  refused.push(refusal(error, (batch[named] as Spoken).index))
  // What stood before it was good; behind it there may be as bad ones, and each is asked for once more only.
  await storeWhatGoes(tx, batch.slice(0, named), ids, refused)
  return storeWhatGoes(tx, batch.slice(named + 1), ids, refused)
}

const at = (error: QueueError, index: number): QueueError =>
  new QueueError(error.code, error.message, { ...error.members, index }, { cause: error })

const duplicate = (holder: string): QueueError =>
  new QueueError('unique_conflict', 'another job holds its unique key', { job_id: holder })

function refusal({ code, message, members }: QueueError, index: number): Refused {
  const errors = members.errors as Fault[] | undefined
  const job_id = members.job_id as string | undefined
  return { index, code, message, ...(errors ? { errors } : {}), ...(job_id ? { job_id } : {}) }
}

const A_CHUNK = 8_192
const PREFIX = 'job_'
const CHARACTERS = 26

/** A million ids as strings are some 60 MB; as their characters they are 26. */
class Ids implements CopiedIds {
  length = 0
  readonly #chunks: Buffer[] = []

  set(index: number, id: string): void {
    const chunk = Math.floor(index / A_CHUNK)
    while (this.#chunks.length <= chunk) this.#chunks.push(Buffer.alloc(A_CHUNK * CHARACTERS))
    this.#chunks[chunk]?.write(id.slice(PREFIX.length), (index % A_CHUNK) * CHARACTERS, CHARACTERS, 'latin1')
    this.reach(index + 1)
  }

  reach(length: number): void {
    this.length = Math.max(this.length, length)
  }

  at(index: number): string | null {
    const chunk = this.#chunks[Math.floor(index / A_CHUNK)]
    const from = (index % A_CHUNK) * CHARACTERS
    if (!chunk || chunk[from] === 0) return null
    return PREFIX + chunk.toString('latin1', from, from + CHARACTERS)
  }

  *[Symbol.iterator](): Generator<string | null> {
    for (let index = 0; index < this.length; index++) yield this.at(index)
  }
}
