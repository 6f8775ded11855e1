// Follow-ups (Q112): jobs made by a transition of another, in its transaction, by whoever causes it. They are data that the database keeps with the
// kind; a function among them is short for a kind of its own that runs it in a worker. Never code that only one process knows how to run: whoever
// declares the kind declares these too.
import { open } from './codec.ts'
import { QueueError } from './error.ts'
import type { Context, Kind } from './kind.ts'
import type { State } from './sql.ts'

/** `select` is a jsonpath over {job, outcome}; without it and without `payload` the payload names the job. */
export type FollowUp = { kind: string; queue?: string; priority?: number; payload?: unknown; select?: string }

/** The job as it was when it went on, and what came of it. */
export type Followed<Payload = unknown> = {
  job: {
    id: string
    kind: string
    queue: string
    payload: Payload
    attempt: number
    metadata: Record<string, unknown>
    tags: string[]
  }
  outcome: { state: State; reason?: string; output?: unknown; error?: string }
}

/** Runs in a worker, as a job of its own: again when it throws, with the backoff and the attempts of any other. */
export type FollowUpFunction<Payload = unknown> = (followed: Followed<Payload>, ctx: Context) => unknown

export type AnyFollowUp<Payload = unknown> = FollowUp | { name: string } | FollowUpFunction<Payload>

export const EVENTS = {
  onCompleted: 'completed',
  onRetried: 'retried',
  onFailed: 'failed',
  onCancelled: 'cancelled',
  onWaiting: 'waiting',
  onRescued: 'rescued',
} as const

type Follows = Pick<Kind, keyof typeof EVENTS | 'name' | 'queue' | 'codec'>

type Rule = { on: string; kind: string } & Partial<FollowUp>

/** What the database keeps with the kind. */
export const followUpRules = (kind: Follows): Rule[] =>
  each(kind).map(({ on, one, name }) => {
    if (typeof one === 'function') return { on, kind: name, queue: kind.queue, select: '$' }
    return 'name' in one ? { on, kind: one.name } : { on, ...one }
  })

/** The kinds that run the functions among a kind's follow-ups. */
export const followUpKinds = (kind: Follows): Kind[] =>
  each(kind).flatMap(({ one, name }) =>
    typeof one === 'function'
      ? [
          {
            name,
            queue: kind.queue,
            run: async (job, ctx) => one(await opened(kind, job.payload as Followed), ctx),
          } satisfies Kind,
        ]
      : [],
  )

/** What the kind sealed crossed the database as it was; its function reads it as its handler would. */
async function opened({ codec }: Follows, { job, outcome }: Followed): Promise<Followed> {
  if (!codec) return { job, outcome }
  const output = 'output' in outcome ? { output: await open(codec, outcome.output) } : {}
  return { job: { ...job, payload: await open(codec, job.payload) }, outcome: { ...outcome, ...output } }
}

/** Each follow-up with the kind that a function among them makes: named after both, so that every process finds the same. */
function each(kind: Follows): { on: string; one: AnyFollowUp; name: string }[] {
  const taken = new Set<string>()
  return Object.entries(EVENTS).flatMap(([member, on]) =>
    (kind[member as keyof typeof EVENTS] ?? []).map((one, i) => {
      if (typeof one !== 'function') return { on, one, name: '' }
      const name = `${kind.name}:on_${on}:${spokenName(one.name) || i}`
      if (taken.has(name)) throw QueueError.invalid(`/${member}/${i}`, `two functions of the name ${one.name}`)
      if (name.length > 200) throw QueueError.invalid(`/${member}/${i}`, 'the names of kind and function are too long together')
      taken.add(name)
      return { on, one, name }
    }),
  )
}

const spokenName = (name: string): string =>
  name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .replace(/[^a-z0-9_]/g, '')
