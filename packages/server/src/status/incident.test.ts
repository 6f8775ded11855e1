import { expect, test } from 'vitest'
import { type House, type Person, setup } from '#harness'
import { tenantWire } from '../std/id.ts'
import { openLog } from '../std/log.ts'
import { alarmOwed } from './incident.ts'

async function asHost(house: House): Promise<Person> {
  await house.admin.run`insert into hosts (user_id, since) values (${house.alice.id}::text, countersign.now())`
  return house.alice
}

const SEV2 = { severity: 'SEV-2', title: 'Answers are slow', body: 'We are looking.', components: ['database'] }

const typesOf = async (house: House, tenantId: string) =>
  (
    await house.admin.rows<{ type: string }>`
    select type from events where tenant_id = ${tenantId}::uuid and starts_with(type, 'incident.') order by ord`
  ).map((row) => row.type)

test('P144 a host announces, says more and ends it; the page and the feed show each word, every tenant is told of each once, and what was said stays', async () => {
  const house = await setup()
  const host = await asHost(house)
  const other = await house.given.tenant('Other')
  const made = await host.post('/api/v1/incidents', { ...SEV2, body: 'We are <b>looking</b> & thinking.' })
  expect([made.status, made.body]).toMatchObject([
    201,
    {
      kind: 'incident',
      status: 'investigating',
      affects: 'all',
      notify_by: null,
      closed_at: null,
      opened_by: host.id,
      updates: [{ body: 'We are <b>looking</b> & thinking.', status: 'investigating' }],
    },
  ])
  const id = made.body.id as string
  await house.clock.advance('2s')
  const page = async () => (await house.nobody.raw('/status', { headers: { accept: 'text/html' } })).text()
  expect(await page()).toContain('<h1>There is an incident: Answers are slow</h1>')
  expect(await page()).toContain('We are &lt;b&gt;looking&lt;/b&gt; &amp; thinking.')
  expect((await house.nobody.get('/status.json')).body.status).toBe('outage')

  const said = await host.patch(`/api/v1/incidents/${id}`, { status: 'monitoring', severity: 'SEV-3', body: 'A change is out.' })
  expect([said.status, said.body.updates.length, said.body.severity]).toEqual([200, 2, 'SEV-3'])
  await house.clock.advance('2s')
  const ended = await host.patch(`/api/v1/incidents/${id}`, { status: 'resolved', body: 'It was an index.' })
  expect(ended.body).toMatchObject({
    status: 'resolved',
    closed_at: expect.any(String),
    updates: [{ body: 'It was an index.' }, { body: 'A change is out.', severity: 'SEV-3' }, { severity: 'SEV-2' }],
  })
  await house.clock.advance('2s')
  expect(await page()).not.toContain('There is an incident')
  const feed = await (await house.nobody.raw('/status/feed.atom')).text()
  expect(feed.match(/<entry>/g)).toHaveLength(3)
  expect(feed).toContain('<title>SEV-3: Answers are slow (resolved)</title>')
  expect(feed).toContain('We are &lt;b&gt;looking&lt;/b&gt; &amp; thinking.')
  // A stranger learns neither who said it nor whom it concerns.
  expect(JSON.stringify((await house.nobody.get('/status.json')).body.incidents)).not.toMatch(/"(usr|ten)_|customer_data/)

  await house.runJobs()
  await house.runJobs()
  expect(await typesOf(house, other)).toEqual(['incident.announced', 'incident.announced', 'incident.announced'])
  expect(await typesOf(house, house.tenantId)).toEqual([
    'incident.opened',
    'incident.updated',
    'incident.resolved',
    'incident.announced',
    'incident.announced',
    'incident.announced',
  ])
  expect((await host.patch(`/api/v1/incidents/${id}`, { severity: 'SEV-1' })).body.code).toBe('state_conflict')
  const listed = await host.get('/api/v1/incidents?limit=1')
  expect(listed.body.data.map((one: { id: string }) => one.id)).toEqual([id])
})

test('P144 only the tenants that are named are told, and none when it affects none', async () => {
  const house = await setup()
  const host = await asHost(house)
  const [named, other] = [await house.given.tenant('Named'), await house.given.tenant('Other')]
  await host.post('/api/v1/incidents', { ...SEV2, affected: [tenantWire(named)] })
  await host.post('/api/v1/incidents', { ...SEV2, affects: 'none' })
  await house.runJobs()
  expect([await typesOf(house, named), await typesOf(house, other)]).toEqual([['incident.announced'], []])
})

test('P144 what touches customer data is owed within 24 hours of being noticed; a missed notice alarms once, a given one never', async () => {
  const house = await setup()
  const host = await asHost(house)
  const noticed = new Date(house.clock.now().getTime() - 3_600_000).toISOString()
  const open = async () => (await host.post('/api/v1/incidents', { ...SEV2, customer_data: true, detected_at: noticed })).body
  const [missed, given] = [await open(), await open()]
  expect(missed.notify_by).toBe(new Date(Date.parse(noticed) + 86_400_000).toISOString())
  await host.patch(`/api/v1/incidents/${given.id}`, { notified: true })
  const log = openLog({ level: 'silent' })
  await house.clock.advance('22h')
  expect(await alarmOwed({ db: house.db, log })).toBe(0)
  await house.clock.advance('2h')
  expect(await Promise.all([alarmOwed({ db: house.db, log }), alarmOwed({ db: house.db, log })])).toEqual(
    expect.arrayContaining([0, 1]),
  )
  expect((await typesOf(house, house.tenantId)).filter((type) => type === 'incident.notice_missed')).toHaveLength(1)
  const row = await house.admin.one<{
    alarmed: boolean
  }>`select alarmed_at is not null as alarmed from incidents where id = ${missed.id}::text`
  expect(row.alarmed).toBe(true)
})

test('P144 a maintenance is planned, shown before it starts, and has no severity', async () => {
  const house = await setup()
  const host = await asHost(house)
  const at = (hours: number) => new Date(house.clock.now().getTime() + hours * 3_600_000).toISOString()
  const plan = { kind: 'maintenance', title: 'A new disk', body: 'An hour without writes.', starts_at: at(5), ends_at: at(6) }
  const made = await host.post('/api/v1/incidents', plan)
  expect([made.status, made.body.status, made.body.severity]).toEqual([201, 'scheduled', null])
  await house.clock.advance('2s')
  const html = await (await house.nobody.raw('/status', { headers: { accept: 'text/html' } })).text()
  expect(html).toContain('A new disk')
  await host.patch(`/api/v1/incidents/${made.body.id}`, { status: 'in_progress', body: 'It begins.' })
  await house.clock.advance('2s')
  expect((await house.nobody.get('/status.json')).body.sentence).toBe('Maintenance is under way: A new disk')
})

test('P144 what does not fit is refused with its field, and nothing is written', async () => {
  const house = await setup()
  const host = await asHost(house)
  const future = new Date(house.clock.now().getTime() + 60_000).toISOString()
  for (const [input, path] of [
    [{ ...SEV2, severity: undefined }, '/severity'],
    [{ ...SEV2, severity: 'SEV-5' }, '/severity'],
    [{ ...SEV2, kind: 'maintenance', starts_at: future }, '/severity'],
    [{ kind: 'maintenance', title: 'x', body: 'x' }, '/starts_at'],
    [{ ...SEV2, starts_at: future }, '/starts_at'],
    [{ ...SEV2, status: 'scheduled' }, '/status'],
    [{ ...SEV2, affects: 'some' }, '/affected'],
    [{ ...SEV2, affects: 'none', affected: [tenantWire(house.tenantId)] }, '/affected'],
    [{ ...SEV2, detected_at: future }, '/detected_at'],
    [{ ...SEV2, components: ['No Such'] }, '/components/0'],
    [{ ...SEV2, title: 'a\u202eb' }, '/title'],
    [{ ...SEV2, body: '   ' }, '/body'],
  ] as const) {
    const refused = await host.post('/api/v1/incidents', input)
    expect([path, refused.status, refused.body.errors?.[0]?.path]).toEqual([path, 422, path])
  }
  expect((await host.get('/api/v1/incidents')).body.data).toEqual([])
  expect((await host.get('/api/v1/incidents/inc_00000000000000000000000000')).body.code).toBe('not_found')
})

test('P60 P144 nobody but a host sees or says any of it, and a host needs a fresh proof to say it', async () => {
  const house = await setup()
  for (const call of [
    () => house.alice.post('/api/v1/incidents', SEV2),
    () => house.alice.get('/api/v1/incidents'),
    () => house.alice.get('/api/v1/status/checks'),
  ])
    expect((await call()).body.code).toBe('forbidden')
  const host = await asHost(house)
  const checks = (await host.get('/api/v1/status/checks')).body.data as { code: string; status: string }[]
  expect(checks.map(({ code }) => code)).toEqual(
    expect.arrayContaining(['db.role', 'db.rls', 'egress.allow', 'disk', 'security_txt']),
  )
  await house.clock.advance('11m')
  expect((await host.post('/api/v1/incidents', SEV2)).body.code).toBe('step_up_required')
})
