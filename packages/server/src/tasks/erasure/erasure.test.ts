import { enqueue } from '@countersign/queue'
import { expect, test } from 'vitest'
import { setup } from '#harness'
import { answer, REFUND } from '../tasks.fixture.ts'

const at = (id: unknown, act = '') => `/api/v1/tasks/${id}${act && `/${act}`}`

test('T57 erasing a settled task destroys its key and all that was said; what remains says who decided and when', async () => {
  const house = await setup()
  const { id } = await house.given.task({ ...REFUND, description: 'canary-description', callback_url: undefined })
  await house.alice.post(at(id, 'comments'), { body: 'canary-comment' })
  await house.agent.post(at(id, 'revisions'), { payload: { canary: 'canary-payload' }, note: 'canary-note' })
  await house.alice.post(at(id, 'decide'), answer({ approved: true, note: 'canary-answer' }, { seen_revision: 2 }))
  const before = (await house.alice.get(at(id))).body
  expect((await house.alice.delete(at(id))).status).toBe(204)
  const after = (await house.alice.get(at(id))).body
  expect(after).toMatchObject({
    ...{ id, status: 'completed', outcome: 'answered', completed_at: before.completed_at, completed_by_user_id: house.alice.id },
    ...{ task: '[erased]', payload: null, description: null, response: null, comment_count: 0 },
  })
  expect(after.erased_at).not.toBeNull()
  expect(after.decisions).toMatchObject([
    { id: before.decisions[0].id, response: null, decision_sha256: before.decisions[0].decision_sha256 },
  ])
  expect((await house.alice.get(at(id, 'comments'))).body.data).toEqual([])
  expect((await house.alice.get(at(id, 'revisions'))).body.data).toEqual([])
  const keys = await house.admin.rows<{
    wrapped: Buffer | null
  }>`select wrapped from subject_keys where subject = ${`task:${id}`}::text`
  expect(keys.every(({ wrapped }) => wrapped === null)).toBe(true)
  expect((await house.alice.post(at(id, 'comments'), { body: 'more' })).body.code).toBe('content_erased')
  // Again is the same, and the record tells of it once.
  expect((await house.alice.delete(at(id))).status).toBe(204)
  expect((await house.eventTypes()).filter((type) => type === 'task.erased')).toHaveLength(1)
  expect((await house.alice.get(at(id, 'receipt'))).status).toBe(200)
})

test('T57 an open task is cancelled in the same transaction, and whoever waits for it learns that', async () => {
  const house = await setup()
  const { id } = await house.given.task(REFUND)
  expect((await house.alice.delete(at(id))).status).toBe(204)
  expect((await house.agent.get(at(id, 'poll'))).body).toMatchObject({ status: 'cancelled', response: null })
  expect((await house.eventTypes()).slice(-2)).toEqual(['task.cancelled', 'task.erased'])
  expect((await house.alice.post(at(id, 'decide'), answer())).body.code).toBe('task_not_open')
  expect((await house.agent.delete(at(id))).status).toBe(403)
  expect((await house.reviewer.delete(at(id))).status).toBe(403)
})

test('T57 retention erases what settled longer ago than the tenant keeps, each once, and begins where it came to', async () => {
  const house = await setup()
  const settled = await Promise.all([1, 2, 3].map(() => house.given.task(REFUND)))
  for (const { id } of settled) await house.alice.post(at(id, 'decide'), answer())
  const open = await house.given.task({ ...REFUND, timeout_seconds: 31_536_000, reminders: [] })
  const night = async () => {
    await enqueue(house.db.pool, { kind: 'task.retain' })
    await house.runJobs()
  }
  const kept = async () => (await house.admin.one<{ n: number }>`select count(*)::int as n from tasks where erased_at is null`).n
  await night()
  expect(await kept()).toBe(4)
  await house.admin.run`insert into task_defaults (retention_days, tenant_id) values (30, ${house.tenantId}::uuid)`
  await house.clock.advance('31d')
  await house.admin
    .run`insert into audit_retention (tenant_id, held_at, held_reason) values (${house.tenantId}::uuid, now(), 'a case')`
  await night()
  expect(await kept()).toBe(4)
  // Sessions end in a month; somebody who signs in now.
  const owner = await house.given.user({ role: 'owner' })
  const refused = await owner.delete(at(settled[0]?.id))
  expect([refused.status, refused.body.code]).toEqual([409, 'legal_hold'])
  await house.admin.run`update audit_retention set held_at = null`
  await night()
  expect(await kept()).toBe(1)
  await night()
  expect((await house.eventTypes()).filter((type) => type === 'task.erased')).toHaveLength(3)
  expect((await owner.get(at(open.id))).body.erased_at).toBeNull()
  const { erased_before } = await house.admin.one<{ erased_before: string }>`select erased_before from task_defaults`
  expect(erased_before).toBe(open.id)
})

test('T57 T37 how long tasks are kept and when people are reminded is for those who configure', async () => {
  const house = await setup()
  const shipped = { retention_days: 400, reminders: null, redact: 'none', compat_strict_replay: false }
  expect((await house.alice.get('/api/v1/tasks/settings')).body).toEqual(shipped)
  expect((await house.member.get('/api/v1/tasks/settings')).status).toBe(403)
  const wanted = { retention_days: 30, reminders: [{ at_percent: 75 }] }
  expect((await house.operator.put('/api/v1/tasks/settings', wanted)).status).toBe(403)
  expect((await house.alice.put('/api/v1/tasks/settings', { ...wanted, retention_days: 0 })).status).toBe(422)
  expect((await house.alice.put('/api/v1/tasks/settings', wanted)).body).toEqual({ ...shipped, ...wanted })
  expect((await house.alice.get('/api/v1/tasks/settings')).body).toEqual({ ...shipped, ...wanted })
  const { id } = await house.given.task(REFUND)
  expect((await house.alice.get(at(id))).body.reminders).toEqual([{ at_percent: 75 }])
})
