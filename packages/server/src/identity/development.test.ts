import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { developmentKey, firstPersonKey } from './development.ts'
import { issueSetupLink } from './setup.ts'
import { identityHouse, PASSWORD } from './testing/house.ts'

const fresh = async () => {
  const t = await identityHouse()
  await t.admin.run`delete from tenants`
  const folder = mkdtempSync(join(tmpdir(), 'countersign-key-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return { ...t, file: join(folder, 'development.key') }
}

test('P46 the development key works before set-up, leaves set-up open, and its agent belongs to who sets up', async () => {
  const t = await fresh()

  const key = await developmentKey(t.house, t.file)

  const agent = t.client({ bearer: key })
  expect((await agent.get('/agents')).body.data).toMatchObject([{ name: 'Development agent', state: 'active' }])
  expect(statSync(t.file).mode & 0o777).toBe(0o600)
  expect((await t.client().get('/setup/status')).body.needs_setup).toBe(true)
  const browser = t.client()
  const token = (await issueSetupLink(t.house))?.split('#token=')[1]
  const made = await browser.post('/setup/operator', { token, email: 'ada@example.com', password: PASSWORD, display_name: 'Ada' })
  expect(made.status).toBe(201)
  expect((await browser.get('/agents')).body.data).toMatchObject([
    { owner_user_id: made.body.user_id, owner_display_name: 'Ada' },
  ])
  expect((await browser.get('/keys')).body.data).toMatchObject([{ created_by: made.body.user_id }])
  expect((await agent.get('/agents')).status).toBe(200)
  expect(await t.admin.one`select count(*)::int as n from tenants`).toEqual({ n: 1 })
})

test('P46 the next start hands out the same key; a revoked, foreign or unreadable one is replaced', async () => {
  const t = await fresh()
  const first = await developmentKey(t.house, t.file)
  expect(await developmentKey(t.house, t.file)).toBe(first)
  expect(readFileSync(t.file, 'utf8').trim()).toBe(first)
  await t.admin.run`update keys set revoked_at = now(), revoked_by = 'test'`
  const second = await developmentKey(t.house, t.file)
  expect(second).not.toBe(first)
  writeFileSync(t.file, 'not a key')
  expect(await developmentKey(t.house, t.file)).not.toBe(second)
  expect(await t.admin.one`select count(*)::int as n from agents`).toEqual({ n: 1 })
})

test('R5 §12.35 the key of the first person works before set-up, is theirs afterwards, and does no more than trying out needs', async () => {
  const t = await fresh()
  const key = await firstPersonKey(t.house, t.file)
  const person = t.client({ bearer: key })
  expect((await person.get('/principal')).body).toMatchObject({
    type: 'user',
    scopes: ['connection_requests:create', 'tasks:decide', 'tasks:read', 'threads:start'],
  })
  expect((await person.get('/agents')).body).toMatchObject({ code: 'scope_missing' })
  expect((await t.client().get('/setup/status')).body.needs_setup).toBe(true)
  const token = (await issueSetupLink(t.house))?.split('#token=')[1]
  const browser = t.client()
  const made = await browser.post('/setup/operator', { token, email: 'ada@example.com', password: PASSWORD, display_name: 'Ada' })
  const [{ id, ...listed }] = (await browser.get('/keys')).body.data
  expect(listed).toMatchObject({ kind: 'usr', name: 'countersign relay try', created_by: made.body.user_id })
  expect([await firstPersonKey(t.house, t.file), statSync(t.file).mode & 0o777]).toEqual([key, 0o600])
  expect((await browser.post(`/keys/${id}/revoke`, {})).status).toBe(204)
  expect((await person.get('/principal')).status).toBe(401)
})
