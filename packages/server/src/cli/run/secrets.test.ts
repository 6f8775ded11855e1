// `run --with-secret` (V131): an export by a person who signs in for it, into one variable of the child, whose output is masked.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openRunWorld } from './testing/world.ts'

test('V131 --with-secret puts a stored value into one variable, masks it, and is recorded as export; without the right nothing starts', async () => {
  const world = await openRunWorld()
  const { house, connect } = world
  const one = await connect({ version: 2, name: 'team', belongs: { shared: true } })
  const password = `${crypto.randomUUID()} of a test`
  await house.given.user({ role: 'owner', email: 'olga@example.com', password })
  await house.given.user({ role: 'auditor', email: 'mel@example.com', password })
  const run = async (words: string[], email = 'olga@example.com', given = password) => {
    const running = world.run(['--with-secret', ...words], { env: { GIVEN: given, EMAIL: email } })
    return { code: (await running.ended).code, out: running.stdout(), err: running.stderr() }
  }
  const signIn = (email = 'olga@example.com') => ['--email', email, '--password-from-env', 'GIVEN', '--']
  const begin = [...signIn(), 'touch', 'started']
  expect(await run(['KEY=alpha:team.api_key', ...begin])).toMatchObject({ code: 12 })
  await house.alice.patch('/api/v1/tenant', { vault_export: true })

  const show = 'echo "$KEY"; echo "$KEY" >&2; printf %s "$KEY" | wc -c; printf %s "$GIVEN" | wc -c'
  const got = await run(['KEY=alpha:team.api_key', ...signIn(), 'sh', '-c', show])
  expect([got.code, got.out]).toEqual([0, `${'*'.repeat(one.value.length)}\n${one.value.length}\n${password.length}\n`])
  expect(got.err).toContain(`${'*'.repeat(one.value.length)}\n`)
  const events = await house.admin.rows<{ body: string }>`select body from events where type = 'connection.exported' order by ord`
  expect(events.map(({ body }) => JSON.parse(body).data)).toMatchObject([
    { connection_id: one.id, field: 'api_key', reason: 'countersign run --with-secret KEY: sh' },
  ])

  expect(await run(['KEY=alpha:none.api_key', ...begin])).toMatchObject({ code: 3 })
  expect(await run([`KEY=${one.id}.api_key`, ...begin], undefined, 'wrong')).toMatchObject({ code: 10 })
  expect((await run(['KEY=alpha:team.api_key', ...signIn('mel@example.com'), 'touch', 'started'])).code).toBe(14)
  expect(await run(['KEY=alpha:team.refresh_token', ...begin])).toMatchObject({ code: 12 })
  expect((await run(['KEY=alpha', ...begin])).err).toContain('--with-secret is VARIABLE=connection.field')
  expect(existsSync(join(world.folder, 'started'))).toBe(false)
  expect((await house.alice.get('/api/v1/runs?state=live')).body.data).toEqual([])
}, 240_000)
