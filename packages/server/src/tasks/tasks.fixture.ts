// What the tests of this room share: one question, and the proof that nothing remained.
import { type Client, clientOf, type House } from '#harness'

export const YES_NO = {
  type: 'object',
  properties: { approved: { type: 'boolean' }, note: { type: 'string', maxLength: 500 } },
  required: ['approved'],
  additionalProperties: false,
}

export const REFUND = {
  task: 'Refund order 1042?',
  payload: { order: 1042, amount: 240, currency: 'EUR' },
  response_schema: YES_NO,
  timeout_seconds: 3_600,
}

export const answer = (response: object = { approved: true }, more: object = {}) => ({
  type: 'respond',
  response,
  seen_revision: 1,
  ...more,
})

/** Everything that a task leaves in the database. */
export async function remains({ admin }: Pick<House, 'admin'>): Promise<Record<string, number>> {
  return admin.one<Record<string, number>>`
    select (select count(*)::int from tasks) as tasks, (select count(*)::int from decisions) as decisions,
      (select count(*)::int from events where type like 'task.%') as events, (select count(*)::int from countersign_queue.jobs) as jobs,
      (select count(*)::int from subject_keys where subject like 'task:%') as keys`
}
export const NOTHING = { tasks: 0, decisions: 0, events: 0, jobs: 0, keys: 0 }

/** The path and code of each error of a problem. */
export const errorsOf = (body: { errors?: { path: string; code: string }[] }): string[] =>
  (body.errors ?? []).map((error) => `${error.path} ${error.code}`)

/** The same person's browser at another process. */
export const elsewhere = (person: Client, { url }: { url: string }): Client =>
  clientOf(url, { cookie: person.credential.cookie, origin: url })
