// The canary of erasure (T57): somebody outside is asked and told by every channel, answers lie in mails, links, comments, verifiers and exports; then the task, or the
// person, is erased, and no column of any table holds their address, their name or a word of it, as text or in another spelling.
import { enqueue } from '@countersign/queue'
import { expect, test } from 'vitest'
import { clientOf, type House } from '#harness'
import { systemScope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { openReceiver } from '../../webhooks/testing/receiver.ts'
import { addIdentity } from '../channels/email/testing/rig.ts'
import { openSink } from '../channels/email/testing/sink.ts'
import { slackRig } from '../channels/slack/testing/rig.ts'
import { linksTo, pageOf } from '../links/links.fixture.ts'
import { answer, REFUND } from '../tasks.fixture.ts'
import { forgetPerson } from './person/forget.ts'

const MARK = `cnry${crypto.randomUUID().replaceAll('-', '').slice(0, 16)}`
const GUEST = `${MARK}.guest@partner.example`
const at = (id: unknown, act = '') => `/api/v1/tasks/${id}${act && `/${act}`}`

/** Where any of these texts stands, in any table of ours. */
async function findEverywhere({ admin }: House, texts: readonly string[]): Promise<string[]> {
  const needles = texts.flatMap((text) => [
    text.toLowerCase(),
    Buffer.from(text).toString('hex'),
    Buffer.from(text).toString('base64').slice(0, -3),
  ])
  const { rows: tables } = await admin.query(`
    select table_schema as schema, table_name as name from information_schema.tables
    where table_type = 'BASE TABLE' and table_schema like 'countersign%'`)
  const hits: string[] = []
  for (const { schema, name } of tables as { schema: string; name: string }[]) {
    const { rows } = await admin.query(`select to_jsonb(x) as row from "${schema}"."${name}" x`)
    for (const { row } of rows as { row: Record<string, unknown> }[])
      for (const [column, value] of Object.entries(row)) {
        const text = (JSON.stringify(value) ?? '').toLowerCase()
        if (needles.some((needle) => text.includes(needle.toLowerCase()))) hits.push(`${name}.${column}`)
      }
  }
  return [...new Set(hits)].sort()
}

/** Mail, Slack and an endpoint, each with somebody behind it on this machine. */
async function everywhere() {
  const [sink, receiver] = [await openSink(), await openReceiver()]
  const rig = await slackRig({ settings: { EGRESS_ALLOW: `127.0.0.1:${sink.port},127.0.0.1:${receiver.port}` } })
  const { house } = rig
  await addIdentity(house, sink)
  const made = await house.alice.post('/api/v1/endpoints', {
    url: `${receiver.origin}/in`,
    label: 'ops',
    events: 'tenant.suspended',
    verify: false,
  })
  expect(made.status, JSON.stringify(made.body)).toBe(201)
  return { ...rig, sink, receiver }
}

async function furnish({ house, member }: Awaited<ReturnType<typeof everywhere>>) {
  const { alice } = house
  const { id } = await house.given.task({
    ...REFUND,
    task: `${MARK} title?`,
    description: `${MARK} description`,
    payload: { note: `${MARK} payload` },
    tags: [MARK],
    metadata: { [MARK]: MARK },
    timeout_seconds: 86_400,
    assign_to: { emails: [GUEST, member.email, alice.email] },
    notify: [`email:${GUEST}`, `slack:${member.email}`, 'webhook:ops'],
    escalation: [{ after_seconds: 80_000, assign_to: { email: GUEST }, notify: [`email:${GUEST}`] }],
    on_timeout: { escalate: { assign_to: { email: GUEST }, extra_seconds: 60, ...Object.fromEntries([['then', 'deny']]) } },
    verifier_config: { provider: 'agent' },
    on_behalf_of: GUEST,
  })
  await house.runJobs()
  const guest = { userId: null, email: GUEST, displayName: GUEST, vouched: false }
  const [review] = await linksTo(house, id, guest, [{ purpose: 'review' }])
  const seen = await pageOf(house, review?.token as string).look()
  const said = await clientOf(house.url).post('/api/v1/channels/email/action', {
    ...{ token: seen.body.session, nonce: seen.body.nonce },
    act: { type: 'comment', body: `${MARK} remark` },
  })
  expect(said.status, JSON.stringify(said.body)).toBe(200)
  expect((await alice.post(at(id, 'comments'), { body: `${MARK} remark of hers` })).status).toBe(201)
  const token = await alice.post('/api/v1/embed/tokens', { task_id: id, parent_origin: 'http://localhost:9', sub: GUEST })
  expect([200, 400]).toContain(token.status)
  return id
}

test('T57 an erased task leaves no word of it and no address of those who were told in any table, and messages say that it is erased', {
  timeout: 60_000,
}, async () => {
  const all = await everywhere()
  const { house, slack } = all
  const id = await furnish(all)
  expect(await findEverywhere(house, [GUEST])).toEqual(
    expect.arrayContaining(['notices.target', 'task_links.email', 'tasks.asked', 'tasks.escalation']),
  )
  await house.alice.post(at(id, 'decide'), answer({ approved: true, note: `${MARK} answer` }, { comment: `${MARK} comment` }))
  await house.agent.post(at(id, 'verification'), { passed: true, reason: `${MARK} reason` })
  await house.agent.post(at(id, 'outcome'), { status: 'succeeded', detail: `${MARK} detail` })
  await house.runJobs()
  expect((await house.alice.get('/api/v1/tasks/export?format=ndjson&include=learning')).status).toBe(200)
  expect(JSON.stringify(slack.messages)).toContain(MARK)
  expect((await house.alice.delete(at(id))).status).toBe(204)
  await house.runJobs()
  expect(await findEverywhere(house, [MARK])).toEqual([])
  expect(JSON.stringify(slack.messages.map(({ blocks, text }) => ({ blocks, text })))).not.toContain(MARK)
  const { body } = await house.alice.get(at(id))
  expect(body).toMatchObject({ task: '[erased]', outcome: 'answered', completed_by_user_id: house.alice.id })
  const notices = (await house.alice.get(at(id, 'notices'))).body.data
  expect(notices.length).toBeGreaterThan(1)
  expect(new Set(notices.map(({ target }: { target: string }) => target))).toEqual(new Set(['[erased]']))
  const exported = await house.alice.raw('/api/v1/tasks/export?format=ndjson&include=learning')
  expect(await exported.text()).not.toContain(MARK)
})

test('T57 a person who is erased stands in no table by address or name, whatever they were told, asked or answered; what they decided stays decided', {
  timeout: 60_000,
}, async () => {
  const all = await everywhere()
  const { house } = all
  const open = await furnish(all)
  const { id } = await house.given.task({
    ...REFUND,
    task: 'Another one?',
    assign_to: { email: GUEST },
    notify: [`email:${GUEST}`],
  })
  await house.runJobs()
  const guest = { userId: null, email: GUEST, displayName: GUEST, vouched: false }
  const [link] = await linksTo(house, id, guest, [
    { purpose: 'answer', choice: { label: 'Yes', answer: { type: 'respond', response: { approved: true } } } },
  ])
  expect((await pageOf(house, link?.token as string).answer()).status).toBe(200)
  const scope = systemScope('erasure', house.tenantId)
  await tx(house.db, scope, (t) => forgetPerson(t, scope, { userId: null, emails: [GUEST] }))
  await house.admin.run`delete from replies`
  const texts = [GUEST]
  expect(await findEverywhere(house, texts)).toEqual([])
  expect((await house.alice.get(at(id))).body).toMatchObject({
    status: 'completed',
    outcome: 'answered',
    completed_by_email: null,
  })
  // The other question is asked of the others still.
  expect((await house.alice.get(at(open))).body).toMatchObject({ status: 'open', may: expect.arrayContaining(['decide']) })
})

test('T57 notices, links, mails and what came back go a week after the content of their task; what is open keeps all of it, and a hold stops it', async () => {
  const all = await everywhere()
  const { house } = all
  const settled = await furnish(all)
  await house.alice.post(at(settled, 'decide'), answer())
  await house.agent.post(at(settled, 'verification'), { passed: true })
  const open = (await house.given.task({ ...REFUND, timeout_seconds: 31_536_000, reminders: [], assign_to: { email: GUEST } })).id
  await house.runJobs()
  const counts = () => house.admin.one<Record<string, number>>`
    select (select count(*)::int from notices where task_id = ${settled}::text) as notices, (select count(*)::int from task_links where task_id = ${settled}::text) as links,
      (select count(*)::int from mails where task_id = ${settled}::text) as mails, (select count(*)::int from slack_messages where task_id = ${settled}::text) as messages,
      (select count(*)::int from notices where task_id = ${open}::text) as others`
  const before = await counts()
  expect(Math.min(...Object.values(before))).toBeGreaterThan(0)
  const night = async () => {
    await enqueue(house.db.pool, { kind: 'task.retain' })
    await house.runJobs()
  }
  await house.admin.run`insert into task_defaults (retention_days, tenant_id) values (30, ${house.tenantId}::uuid)`
  await house.clock.advance('31d')
  await night()
  expect(await counts()).toMatchObject({ notices: before.notices, links: 0, mails: 0, messages: before.messages })
  expect(await findEverywhere(house, [`${MARK} title`])).toEqual([])
  await house.admin
    .run`insert into audit_retention (tenant_id, held_at, held_reason) values (${house.tenantId}::uuid, now(), 'a case')`
  await house.clock.advance('8d')
  await night()
  expect(await counts()).toMatchObject({ notices: before.notices })
  await house.admin.run`update audit_retention set held_at = null`
  await night()
  expect(await counts()).toEqual({ notices: 0, links: 0, mails: 0, messages: 0, others: before.others })
})
