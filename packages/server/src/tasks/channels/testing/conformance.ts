// One suite for every channel (T106): each runs it against a stand-in of its provider on this machine. A channel says how a message looks there and how a person
// answers; what has to be true of it stands here, once.
import { expect, onTestFinished, test } from 'vitest'
import type { House } from '#harness'
import type { ChannelName } from '../channel.ts'

/** An embedded page is told by nobody and rewritten by nobody: it only hears, and hears by the same rules. */
export type Surface = ChannelName | 'embed'

/** A message as the provider holds it now: rewritten in place where the medium can. */
export type Message = {
  /** All that a person can read of it. */
  text: string
  /** Whatever the rig needs to answer it. */
  ref: unknown
}

/** What the person was told who answered. */
export type Said =
  | { taken: true }
  | {
      taken: false
      /** The code of the problem, or `private` where the medium only has words. */
      code: string
      /** By field, what stands beside it. */
      fields: Record<string, string>
      /** Name of who settled it, where that is why. */
      by: string | null
    }

export type Rig = {
  channel: Surface
  house: House
  /** As `notify` names the person there; null where nobody is told. */
  entry: string | null
  /** Whom a decision by them is recorded as. */
  person: { userId: string | null; email: string | null; displayName: string }
  /** What the provider took for the person, oldest first. */
  messages(): Promise<Message[]>
  /** The person answers that very message, with what they saw when they opened it. */
  answer(message: Message, response: Record<string, unknown>): Promise<Said>
  /** The same answer by a request that nothing proves: another secret, an altered token. The status that it gets. */
  forge(message: Message, response: Record<string, unknown>): Promise<number>
  /** What the person sees who comes back to it: the message as it is now, or the page behind it where a message cannot change. */
  shows(message: Message): Promise<string>
  /** `host:port` on this machine that the egress guard of the house lets through; nothing has to answer there. */
  reachable: string
  /** The person opens the message's form now and answers later, with what they saw then. */
  open(message: Message): Promise<(response: Record<string, unknown>) => Promise<Said>>
  /** Provider: as usual, hanging until it is let go, refusing for now, asking for less. */
  provider: { mode(how: 'well' | 'slow' | 'failing' | 'limited'): void | Promise<void> }
  /** Ends what hangs and whatever the rig opened. */
  close(): Promise<void>
}

export type Capabilities = {
  /** A field of free text can be answered there. */
  text: boolean
  /** A message can be changed once it was sent. */
  rewrites: boolean
  /** Notices go there. */
  tells: boolean
}

const SCHEMA = {
  type: 'object',
  properties: { approved: { type: 'boolean' }, note: { type: 'string', maxLength: 20 } },
  required: ['approved'],
  additionalProperties: false,
}
const QUESTION = {
  task: 'Refund order 1042?',
  payload: { order: 1042, amount: 240, currency: 'EUR', reason: 'parcel lost' },
  response_schema: SCHEMA,
  timeout_seconds: 7_200,
}
const YES = { approved: true }
/** A rule that no yes passes. */
const refusing = (message: string) => ({
  provider: 'rules',
  rules: [{ schema: { properties: { response: { properties: { approved: { const: false } } } } }, message, field: 'approved' }],
})

export function conformance(name: Surface, can: Capabilities, start: () => Promise<Rig>): void {
  const given = async (): Promise<Rig> => {
    const rig = await start()
    onTestFinished(() => rig.close())
    return rig
  }

  if (can.tells) tells(name, given)

  test(`T106 A17 ${name}: an answer settles once, with one event, one delivery, the right channel and the right person`, async () => {
    const rig = await given()
    const endpointId = await deafEndpoint(rig)
    const task = await ask(rig)
    const [message] = await told(rig)
    expect(await rig.answer(message as Message, YES)).toEqual({ taken: true })
    const settled = (await rig.house.alice.get(`/api/v1/tasks/${task.id}`)).body
    expect(settled).toMatchObject({
      status: 'completed',
      response: YES,
      completed_via_channel: name,
      completed_by_display_name: rig.person.displayName,
      completed_by_user_id: rig.person.userId,
      completed_by_email: rig.person.email,
    })
    expect(settled.decisions).toMatchObject([
      { channel: name, state: 'counted', assurance: name === 'slack' ? 'channel' : 'link' },
    ])
    expect(await terminalEvents(rig.house, task.id)).toEqual(['task.completed'])
    expect(await deliveriesOf(rig.house, task.id, endpointId)).toBe(1)
    if (can.rewrites) {
      await rig.house.runJobs()
      expect((await rig.messages()).at(-1)?.text).toContain(rig.person.displayName)
    }
  })

  if (can.text)
    test(`T106 ${name}: a field that does not fit is told beside the field, nothing settles, and the next try counts`, async () => {
      const rig = await given()
      const task = await ask(rig)
      const [message] = await told(rig)
      const said = await rig.answer(message as Message, { approved: true, note: 'far longer than twenty characters' })
      expect(said).toMatchObject({ taken: false, fields: { note: expect.any(String) } })
      expect(await terminalEvents(rig.house, task.id)).toEqual([])
      expect(await rig.answer(message as Message, { approved: true, note: 'short' })).toEqual({ taken: true })
      expect((await rig.house.alice.get(`/api/v1/tasks/${task.id}`)).body.response).toEqual({ approved: true, note: 'short' })
    })

  test(`T106 ${name}: who may not answer it any more is told so, and nothing changes`, async () => {
    const rig = await given()
    const task = await ask(
      rig,
      rig.person.email === null ? {} : { assign_to: { emails: [rig.person.email, rig.house.bob.email] } },
    )
    const [message] = await told(rig)
    expect((await rig.house.bob.post(`/api/v1/tasks/${task.id}/claim`, {})).status).toBe(200)
    expect(await rig.answer(message as Message, YES)).toMatchObject({ taken: false })
    expect((await rig.house.alice.get(`/api/v1/tasks/${task.id}`)).body).toMatchObject({ status: 'open', decisions: [] })
  })

  test(`T15 T106 ${name}: an answer after the deadline is refused`, async () => {
    const rig = await given()
    const task = await ask(rig)
    const [message] = await told(rig)
    const later = await rig.open(message as Message)
    await rig.house.clock.advance('121m')
    await rig.house.runJobs()
    expect(await later(YES)).toMatchObject({ taken: false })
    expect((await rig.house.alice.get(`/api/v1/tasks/${task.id}`)).body.status).toBe('timed_out')
    expect(await terminalEvents(rig.house, task.id)).toEqual(['task.timed_out'])
  })

  test(`T105 T106 ${name}: the second answer learns who gave the first`, async () => {
    const rig = await given()
    const task = await ask(rig)
    const [message] = await told(rig)
    expect(await rig.answer(message as Message, YES)).toEqual({ taken: true })
    expect(await rig.answer(message as Message, { approved: false })).toMatchObject({ taken: false, by: rig.person.displayName })
    expect((await rig.house.alice.get(`/api/v1/tasks/${task.id}`)).body.response).toEqual(YES)
    expect(await terminalEvents(rig.house, task.id)).toEqual(['task.completed'])
  })

  test(`T13 A13 T106 ${name}: an answer to older content is refused and shows the new; answered anew it counts`, async () => {
    const rig = await given()
    const task = await ask(rig)
    const [message] = await told(rig)
    const later = await rig.open(message as Message)
    const revised = await rig.house.agent.post(`/api/v1/tasks/${task.id}/revisions`, {
      payload: { ...QUESTION.payload, amount: 120 },
      note: 'Half of it.',
    })
    expect(revised.status, JSON.stringify(revised.body)).toBe(201)
    expect(await later(YES)).toMatchObject({ taken: false })
    expect((await rig.house.alice.get(`/api/v1/tasks/${task.id}`)).body).toMatchObject({ status: 'open', decisions: [] })
    await rig.house.runJobs()
    const newest = (await rig.messages()).at(-1) as Message
    expect(await rig.shows(newest)).toContain('120')
    expect(await rig.answer(newest, YES)).toEqual({ taken: true })
  })

  test(`T106 T132 ${name}: who is refused by a verifier is told why, and the next answer counts`, async () => {
    const rig = await given()
    const reason = 'Two hundred and forty is too much.'
    const task = await ask(rig, { verifier_config: refusing(reason) })
    const [message] = await told(rig)
    const said = await rig.answer(message as Message, YES)
    const returned = (await rig.house.alice.get(`/api/v1/tasks/${task.id}`)).body
    expect(returned).toMatchObject({ status: 'returned', verification_attempt: 1 })
    expect(await terminalEvents(rig.house, task.id)).toEqual([])
    const after = await told(rig)
    const newest = after.at(-1) as Message
    expect([JSON.stringify(said), ...after.map(({ text }) => text), await rig.shows(newest)].join('\n')).toContain(reason)

    expect(await rig.answer(newest, { approved: false })).toEqual({ taken: true })
    const settled = (await rig.house.alice.get(`/api/v1/tasks/${task.id}`)).body
    expect(settled).toMatchObject({ status: 'completed', response: { approved: false }, completed_via_channel: name })
    expect(await terminalEvents(rig.house, task.id)).toEqual(['task.completed'])
  })

  test(`T103 T150 T106 ${name}: a request that nothing proves is refused and changes nothing`, async () => {
    const rig = await given()
    const task = await ask(rig)
    const [message] = await told(rig)
    expect([400, 401]).toContain(await rig.forge(message as Message, YES))
    expect((await rig.house.alice.get(`/api/v1/tasks/${task.id}`)).body).toMatchObject({ status: 'open', decisions: [] })
    expect(await rig.answer(message as Message, YES)).toEqual({ taken: true })
  })

  test(`T12 T106 ${name}: of two answers at the same moment one counts`, async () => {
    const rig = await given()
    const task = await ask(rig)
    const [message] = await told(rig)
    const opened = [await rig.open(message as Message), await rig.open(message as Message)]
    const said = await Promise.all(opened.map((send) => send(YES)))
    expect(said.filter(({ taken }) => taken)).toHaveLength(1)
    expect((await rig.house.alice.get(`/api/v1/tasks/${task.id}`)).body.decisions).toHaveLength(1)
    expect(await terminalEvents(rig.house, task.id)).toEqual(['task.completed'])
  })
}

/** What goes out, and how. */
function tells(name: Surface, given: () => Promise<Rig>): void {
  test(`T106 ${name}: the person is told once, with who asks, what about and until when`, async () => {
    const rig = await given()
    const task = await ask(rig)
    const [message, ...more] = await told(rig)
    expect(more).toEqual([])
    for (const word of ['refund-bot', 'Refund order 1042?', 'parcel lost', '1042']) expect(message?.text).toContain(word)
    await rig.house.runJobs()
    expect(await rig.messages()).toHaveLength(1)
    const { data } = (await rig.house.alice.get(`/api/v1/tasks/${task.id}/notices`)).body
    expect(data).toMatchObject([{ channel: name, state: 'sent', attempts: 1 }])
  })

  test(`A28 T153 T106 ${name}: redacted content does not leave, and its title neither where it is strict`, async () => {
    const rig = await given()
    await ask(rig, {
      redact: 'notify',
      task: 'Canary title?',
      payload: { secret: 'canary-payload' },
      description: 'canary-words',
    })
    const [quiet] = await told(rig)
    expect(quiet?.text).toContain('Canary title?')
    for (const canary of ['canary-payload', 'canary-words']) expect(quiet?.text).not.toContain(canary)
    await ask(rig, { redact: 'strict', task: 'Canary title two?', payload: { secret: 'canary-payload' } })
    const strict = (await told(rig)).at(-1)
    for (const canary of ['canary-payload', 'Canary title two?']) expect(strict?.text).not.toContain(canary)
    expect(strict?.text).toContain('A task waits')
  })

  test(`T87 T106 ${name}: what is too large is cut, and how much is missing is said`, async () => {
    const rig = await given()
    const payload = Object.fromEntries(Array.from({ length: 120 }, (_, i) => [`entry_${i}`, `${i} ${'x'.repeat(600)}`]))
    await ask(rig, { payload, description: 'y'.repeat(20_000) })
    const [message] = await told(rig)
    expect(message?.text).toMatch(/more/)
    expect(message?.text).not.toContain('x'.repeat(600))
  })

  test.each(['failing', 'limited'] as const)(`T104 T108 T106 ${name}: a provider that is %s gets it later, once`, async (how) => {
    const rig = await given()
    await rig.provider.mode(how)
    const task = await ask(rig)
    await rig.house.runJobs()
    expect(await rig.messages()).toEqual([])
    const waiting = (await rig.house.alice.get(`/api/v1/tasks/${task.id}/notices`)).body.data
    expect(waiting).toMatchObject([{ state: 'queued', attempts: 1 }])
    await rig.provider.mode('well')
    await rig.house.clock.advance('10m')
    await rig.house.runJobs()
    expect(await rig.messages()).toHaveLength(1)
    expect((await rig.house.alice.get(`/api/v1/tasks/${task.id}`)).body.status).toBe('open')
  })

  test(`T104 T106 ${name}: a provider that hangs holds nobody up, and the task is answered meanwhile`, async () => {
    const rig = await given()
    await rig.provider.mode('slow')
    const task = await ask(rig)
    const jobs = rig.house.runJobs()
    const decided = await rig.house.alice.post(`/api/v1/tasks/${task.id}/decide`, {
      type: 'respond',
      response: YES,
      seen_revision: 1,
      reason: 'The channel hangs.',
    })
    expect(decided.status, JSON.stringify(decided.body)).toBe(200)
    await rig.provider.mode('well')
    await jobs
    expect(await terminalEvents(rig.house, task.id)).toEqual(['task.completed'])
  })
}

async function ask(rig: Rig, more: Record<string, unknown> = {}): Promise<{ id: string }> {
  if (rig.entry === null) return rig.house.given.task({ ...QUESTION, ...more })
  const notify = more.assign_to === undefined ? { assign_to: { email: rig.person.email } } : {}
  return rig.house.given.task({ ...QUESTION, ...notify, notify: [rig.entry], ...more })
}

async function told(rig: Rig): Promise<Message[]> {
  await rig.house.runJobs()
  return rig.messages()
}

async function terminalEvents({ admin }: House, taskId: string): Promise<string[]> {
  const rows = await admin.rows<{ type: string }>`
    select type from events where type in ('task.completed', 'task.timed_out', 'task.cancelled', 'task.verification_exhausted')
      and body::jsonb -> 'resource' ->> 'id' = ${taskId}::text order by ord`
  return rows.map(({ type }) => type)
}

/** An endpoint for ends of tasks; nothing is sent to it here, what counts is how many deliveries there are. */
async function deafEndpoint({ house, reachable }: Rig): Promise<string> {
  const made = await house.alice.post('/api/v1/endpoints', {
    url: `https://${reachable}/in`,
    events: 'task.completed',
    verify: false,
  })
  expect(made.status, JSON.stringify(made.body)).toBe(201)
  expect((await house.alice.post(`/api/v1/endpoints/${made.body.id}/pause`, {})).status).toBe(200)
  return made.body.id
}

async function deliveriesOf({ admin }: House, taskId: string, endpointId: string): Promise<number> {
  const row = await admin.one<{ n: number }>`
    select count(*)::int as n from deliveries where resource_id = ${taskId}::text and endpoint_id = ${endpointId}::text`
  return row.n
}
