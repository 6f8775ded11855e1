// The word of the agent that asked (T129, A20), of several people whose votes are each verified (T16), and verifiers that are stored (T126).
import { ask, Countersign, wait } from '@countersign/sdk'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { setup } from '#harness'
import { answer, errorsOf, REFUND } from '../tasks.fixture.ts'
import { asked, byModel, KEY, openVerifying, putKey, read, say } from './verifier.fixture.ts'

const AGENT = { provider: 'agent' }
const at = (id: unknown, act = '') => `/api/v1/tasks/${id}${act && `/${act}`}`
const decide = (note: string) => answer({ approved: true, note }, { reason: 'x' })

test('T129 an answer waits for the agent that asked: polls show it, a refusal gives it back with its fields, agreement settles', async () => {
  const house = await setup()
  const { id } = await house.given.task({ ...REFUND, verifier_config: AGENT })
  const other = await house.given.agent({ name: 'other' })
  expect((await house.agent.post(at(id, 'verification'), { passed: true })).body.code).toBe('state_conflict')
  const waiting = house.agent.get(at(id, 'poll?timeout=20&since_version=1'))
  expect((await house.alice.post(at(id, 'decide'), decide('x'))).status).toBe(202)
  const { candidate } = (await waiting).body
  expect(candidate).toEqual({ decision_id: expect.stringMatching(/^dec_/), response: { approved: true, note: 'x' }, attempt: 1 })
  expect((await house.alice.get(at(id, 'poll?timeout=1'))).body.candidate).toBe(undefined)
  expect((await other.post(at(id, 'verification'), { passed: true })).status).toBe(404)
  expect((await house.alice.post(at(id, 'verification'), { passed: true })).status).toBe(403)
  expect((await house.agent.post(at(id, 'verification'), { passed: false })).body.code).toBe('validation_failed')
  const word = { passed: false, field_errors: [{ path: '/note', message: 'Too short.' }], decision_id: candidate.decision_id }
  expect(
    (await house.agent.post(at(id, 'verification'), { ...word, decision_id: 'dec_01M80RJPTRET7VF1SWGGCYENFF' })).body.code,
  ).toBe('state_conflict')
  const refused = await house.agent.post(at(id, 'verification'), word)
  expect(refused.body).toMatchObject({ status: 'returned', verification_attempt: 1 })
  expect((await house.alice.get(at(id))).body.verifier_result).toEqual({
    ...{ passed: false, reason: 'Too short.', parsed_response: null },
    field_errors: [{ path: '/response/note', field: 'note', code: 'refused', message: 'Too short.' }],
  })
  await house.alice.post(at(id, 'decide'), decide('long enough'))
  expect((await house.agent.post(at(id, 'verification'), { passed: true })).body).toMatchObject({
    ...{ status: 'completed', response: { note: 'long enough' }, verification_attempt: 1, completed_by_user_id: house.alice.id },
  })
  expect((await house.agent.post(at(id, 'verification'), { passed: true })).body.code).toBe('task_not_open')
})

test('T129 an agent that is silent loses no human work: after its time the answer counts, or what was set instead happens', async () => {
  const house = await setup()
  const quiet = await house.given.task({ ...REFUND, verifier_config: AGENT })
  const strict = await house.given.task({
    ...REFUND,
    verifier_config: { ...AGENT, timeout_seconds: 60, on_unavailable: 'return' },
  })
  for (const { id } of [quiet, strict]) await house.alice.post(at(id, 'decide'), decide('x'))
  await house.clock.advance('100s')
  await house.runJobs()
  expect((await house.alice.get(at(quiet.id))).body.status).toBe('verifying')
  expect((await house.alice.get(at(strict.id))).body).toMatchObject({ status: 'returned', verification_attempt: 0 })
  await house.clock.advance('250s')
  await house.runJobs()
  expect((await house.alice.get(at(quiet.id))).body).toMatchObject({ status: 'completed', response: { note: 'x' } })
})

test('T129 A20 the SDK checks what only its own schema can, and the person answers again instead of the agent getting what it cannot take', async () => {
  const house = await setup()
  const response = z
    .object({ from: z.iso.date(), to: z.iso.date(), lines: z.array(z.object({ sku: z.string(), count: z.int() })).min(1) })
    .refine(({ from, to }) => from < to, { path: ['to'], message: 'The end lies before the start.' })
  const through = { url: house.url, key: house.agent.key }
  const handle = await ask({ ...through, task: 'Which days?', payload: {}, response, timeout: '1h' })
  expect((await house.alice.get(at(handle.id))).body.verifier_config).toMatchObject({ provider: 'agent' })
  const settled = handle.wait()
  const lines = [{ sku: 'a', count: 1 }]
  const give = (to: string) =>
    house.alice.post(at(handle.id, 'decide'), answer({ from: '2026-03-02', to, lines }, { reason: 'x' }))
  expect((await give('2026-03-01')).status).toBe(202)
  await expect.poll(async () => (await house.alice.get(at(handle.id))).body.status, { timeout: 30_000 }).toBe('returned')
  expect((await house.alice.get(at(handle.id))).body.verifier_result).toMatchObject({
    reason: 'The end lies before the start.',
    field_errors: [{ path: '/response/to', field: 'to' }],
  })
  expect((await give('2026-03-04')).status).toBe(202)
  expect(await settled).toEqual({ from: '2026-03-02', to: '2026-03-04', lines })
  expect((await house.alice.get(at(handle.id))).body).toMatchObject({ status: 'completed', verification_attempt: 1 })
})

test('T129 wait.any and wait.all look at answers too; a schema that says all of it asks for nothing more', async () => {
  const house = await setup()
  const through = { client: new Countersign({ url: house.url, key: house.agent.key }) }
  const even = z.object({ n: z.int().refine((n) => n % 2 === 0, 'Must be even.') })
  const first = await ask({ ...through, task: 'One?', payload: { a: 1 }, response: even, timeout: '1h' })
  const second = await ask({ ...through, task: 'Two?', payload: { a: 2 }, response: z.object({ n: z.int() }), timeout: '1h' })
  expect((await house.alice.get(at(second.id))).body.verifier_config).toBe(null)
  const both = wait.all([first, second] as const)
  await house.alice.post(at(second.id, 'decide'), answer({ n: 1 }, { reason: 'x' }))
  await house.alice.post(at(first.id, 'decide'), answer({ n: 4 }, { reason: 'x' }))
  expect(await both).toEqual([{ n: 4 }, { n: 1 }])
  const plain = await house.given.agent({ name: 'plain' })
  const key = { url: house.url, key: plain.key }
  const off = await ask({ ...key, task: 'Three?', payload: {}, response: even, timeout: '1h', verifier: null })
  expect((await house.alice.get(at(off.id))).body.verifier_config).toBe(null)
})

test('T16 T38 of several votes each is verified by itself while the task stays open, and the last that passes settles it', async () => {
  const here = await openVerifying()
  const { house, provider } = here
  await putKey(here)
  const people = [await house.given.user({ role: 'operator' }), await house.given.user({ role: 'operator' })] as const
  const { id } = await asked(here, byModel(), { quorum: 2, assign_to: { emails: people.map(({ email }) => email) } })
  const vote = (person: (typeof people)[number], note: string) => person.post(at(id, 'decide'), answer({ approved: true, note }))
  expect((await vote(people[0], 'a')).body).toMatchObject({ status: 'open', decisions: [{ state: 'pending' }] })
  expect((await vote(people[0], 'again')).body.code).toBe('already_decided')
  provider.says.push({ passed: false, reason: 'Name her.' })
  await house.runJobs()
  expect(await read(here, id)).toMatchObject({
    status: 'open',
    votes: 0,
    verification_attempt: 1,
    decisions: [{ state: 'returned' }],
  })
  await vote(people[0], 'Ann')
  await vote(people[1], 'Ann A.')
  expect((await read(here, id)).status).toBe('open')
  await house.runJobs()
  const done = await read(here, id)
  expect(done).toMatchObject({ status: 'completed', response: { approved: true } })
  expect(done.decisions.map(({ state }: { state: string }) => state)).toEqual(['returned', 'counted', 'counted'])
  expect((await house.eventTypes()).filter((type) => type === 'task.completed')).toHaveLength(1)
})

test('T44 T126 an approved action is verified, a denied one is not', async () => {
  const here = await openVerifying()
  const { house, provider } = here
  await putKey(here)
  const action = { name: 'refund', args: { amount: 240 } }
  const question = { response_schema: undefined, action, payload: null }
  const one = await asked(here, byModel(), question)
  const two = await asked(here, byModel(), question)
  const act = (id: string, type: string) => house.alice.post(at(id, 'decide'), { type, reason: 'x', seen_revision: 1 })
  expect((await act(one.id, 'deny')).body).toMatchObject({ status: 'completed', outcome: 'denied' })
  expect((await act(two.id, 'accept')).status).toBe(202)
  await house.runJobs()
  expect(provider.heard).toHaveLength(1)
  expect(provider.heard[0]?.user).toContain('240')
  expect(await read(here, two.id)).toMatchObject({
    status: 'completed',
    outcome: 'accepted',
    response: { type: 'accept', args: { amount: 240 } },
  })
})

test('T126 T162 a stored verifier is kept, tried out, used and changed; a task keeps the one that it was made with', async () => {
  const here = await openVerifying()
  const { house, provider } = here
  const input = { name: 'Names a customer', config: byModel() }
  expect((await house.alice.post('/api/v1/verifiers', input)).body.code).toBe('verifier_not_configured')
  await putKey(here)
  const made = await house.alice.post('/api/v1/verifiers', input)
  expect([made.status, made.body]).toEqual([201, expect.objectContaining({ name: 'Names a customer', version: 1 })])
  expect(made.body.config).toMatchObject({ provider: 'openai', max_attempts: 3, on_unavailable: 'hold' })
  expect(errorsOf((await house.alice.post('/api/v1/verifiers', { ...input, name: 'NAMES a customer' })).body)).toEqual([
    '/name taken',
  ])
  for (const by of [house.operator, house.agent, house.auditor]) expect((await by.get('/api/v1/verifiers')).status).toBe(403)
  const path = `/api/v1/verifiers/${made.body.id}`
  const events = (await house.eventTypes()).length
  provider.says.push({ passed: false, reason: 'Who?' }, { status: 500 })
  const trial = await house.alice.post(`${path}/test`, { payload: { a: 1 }, response: { note: 'x' } })
  expect([trial.status, trial.body]).toEqual([
    200,
    {
      ...{ passed: false, reason: 'Who?', field_errors: [], parsed_response: null },
      ...{ unavailable: null, input_tokens: 120, output_tokens: 30, cost: null },
    },
  ])
  expect((await house.alice.post(`${path}/test`, { response: {} })).body).toMatchObject({
    passed: null,
    unavailable: 'status_500',
  })
  expect((await house.eventTypes()).length).toBe(events)

  const { id } = await asked(here, made.body.id)
  expect((await house.alice.get(at(id))).body.verifier_config).toMatchObject({
    verifier_id: made.body.id,
    instructions: input.config.instructions,
  })
  const changed = await house.alice.put(path, { name: 'Other', config: byModel({ instructions: 'Anything goes.' }) })
  expect([changed.status, changed.body]).toEqual([200, expect.objectContaining({ version: 2, name: 'Other' })])
  expect((await house.alice.delete(path)).status).toBe(204)
  expect((await house.alice.get(path)).status).toBe(404)
  await say(here, id)
  await house.runJobs()
  expect(provider.heard.at(-1)?.system).toContain('The note must name the customer.')
  expect((await read(here, id)).status).toBe('completed')
  expect((await house.alice.get('/api/v1/verifiers')).body.data).toEqual([])
})

test('T127 a key goes to its own address and to no other, and is given again when that changes', async () => {
  const here = await openVerifying()
  const { house, provider } = here
  await putKey(here)
  const put = (name: string, body: object) => house.alice.put(`/api/v1/provider-keys/${name}`, body)
  const kept = { provider: 'openai', base_url: `${provider.origin}/v1`, model: 'gpt-2' }
  expect((await put('openai', kept)).body).toMatchObject({ has_key: true, model: 'gpt-2', is_default: true })
  expect(errorsOf((await put('openai', { ...kept, base_url: `${provider.origin}/v2` })).body)).toEqual(['/key required'])
  expect(errorsOf((await put('openai', { provider: 'openai', model: 'x' })).body)).toEqual(['/key required'])
  expect((await put('lan', { provider: 'openai_compatible', key: 'k', base_url: 'http://10.0.0.7/v1' })).body.code).toBe(
    'url_not_allowed',
  )
  expect(errorsOf((await put('az', { provider: 'azure_openai', key: 'k' })).body)).toEqual(['/base_url required'])
  expect(
    (await put('local', { provider: 'openai_compatible', base_url: `${provider.origin}/own`, model: 'm' })).body,
  ).toMatchObject({ has_key: false })
  expect((await put('second', { ...kept, key: 'k2', is_default: true })).body.is_default).toBe(true)
  const { body } = await house.alice.get('/api/v1/provider-keys')
  expect(body.data.map(({ name, is_default }: { name: string; is_default: boolean }) => [name, is_default])).toEqual([
    ['local', true],
    ['openai', false],
    ['second', true],
  ])
  expect(JSON.stringify(body)).not.toContain(KEY)
  expect((await house.alice.delete('/api/v1/provider-keys/second')).status).toBe(204)
  expect((await house.alice.delete('/api/v1/provider-keys/second')).status).toBe(404)
  expect((await house.operator.get('/api/v1/provider-keys')).status).toBe(403)
})
