// `countersign dev` stopped before anybody has signed up, and started again: the way in is printed anew, and the agent's key stays.
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startDev, temporaryFolder } from '../harness/process.ts'

test('P46 a second start before set-up prints a link that works, and the same agent key', async () => {
  const home = join(temporaryFolder(), 'home')
  const first = await startDev(home)
  first.child.kill('SIGINT')
  expect((await first.ended).code).toBe(0)

  const { ready } = await startDev(home)

  expect(ready.agent_key).toBe(first.ready.agent_key)
  const token = new URL(ready.setup_url as string).hash.replace('#token=', '')
  const made = await fetch(`${ready.url}/api/v1/setup/operator`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'sec-fetch-site': 'same-origin' },
    body: JSON.stringify({ token, email: 'olga@example.com', password: `${crypto.randomUUID()} of a test` }),
  })
  expect(made.status).toBe(201)
}, 60_000)
