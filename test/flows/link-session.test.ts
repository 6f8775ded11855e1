// The session of a review link (T111) opens one task at one door: every other route of the contract table answers it as it answers nobody, wherever the token stands.
import { expect, test } from 'vitest'
import { clientOf, setup } from '#harness'
import { describeRoutes } from '../../packages/server/src/main/rooms.ts'
import { newId, newTenantUuid, tenantWire } from '../../packages/server/src/std/id.ts'
import { linksTo, pageOf, readerOf } from '../../packages/server/src/tasks/links/links.fixture.ts'

const { routes, rootRoutes } = describeRoutes()

test('T111 T149 the session of a review link opens no route but its own, as a key, a cookie or a header, and changes nothing there', {
  timeout: 90_000,
}, async () => {
  const house = await setup({ settings: { LIMITS: 'anonymous=1000000/1m+1000000,link.address=1000000/1m+1000000' } })
  const member = await house.member.person()
  const task = await house.given.task({ assign_to: { user_id: member.id }, timeout_seconds: 86_400 })
  const [review] = await linksTo(house, task.id, readerOf(member), [{ purpose: 'review' }])
  const { session } = (await pageOf(house, review?.token as string).look()).body
  const version = async () => (await house.agent.get(`/api/v1/tasks/${task.id}`)).body.version
  const before = await version()
  const [cookie] = (house.alice.credential.cookie ?? '').split('=')
  const strangers = [
    clientOf(house.url, { bearer: session }),
    clientOf(house.url, { cookie: `${cookie}=${session}`, origin: house.url }),
  ]
  const opened: string[] = []
  const asked = [...routes, ...rootRoutes].filter(({ spec }) => spec.auth !== 'none')
  for (const [i, one] of asked.entries()) {
    // Wrong keys are counted by the minute.
    if (i % 8 === 7) await house.clock.advance('61s')
    const prefix = rootRoutes.includes(one) ? '' : one.spec.dialect === 'compatible' ? '/api' : '/api/v1'
    const named = one.path.replace(/:([a-z_]+)/g, (_, name: string) =>
      name === 'id' && one.path.includes('/tasks/')
        ? task.id
        : name === 'id'
          ? newId('evt')
          : name === 'tenant'
            ? tenantWire(newTenantUuid())
            : newId('lnk'),
    )
    for (const by of strangers) {
      const abort = new AbortController()
      const init = { method: one.method, body: one.method === 'GET' ? undefined : '{}', signal: abort.signal }
      const answered = await by.raw(`${prefix}${named}`, init)
      if (![401, 403, 404].includes(answered.status)) opened.push(`${one.method} ${one.path}: ${answered.status}`)
      abort.abort()
    }
    const headed = await clientOf(house.url).raw(`${prefix}${named}`, {
      ...{ method: one.method, body: one.method === 'GET' ? undefined : '{}' },
      headers: { 'x-admin-token': session },
    })
    if (![401, 403, 404].includes(headed.status)) opened.push(`${one.method} ${one.path} by header: ${headed.status}`)
    await headed.arrayBuffer()
  }
  expect(opened).toEqual([])
  expect(await version()).toBe(before)
  // and its own door works on
  expect((await pageOf(house, session).look()).status).toBe(200)
})
