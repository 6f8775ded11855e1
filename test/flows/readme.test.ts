// The README keeps its word: its sample is run as it stands, by plain Node, against the command that it names.
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { sample } from '../../packages/dashboard/src/sample.ts'
import { openDev, root, start } from '../harness/process.ts'

const readme = readFileSync(join(root, 'README.md'), 'utf8')
const block = /```js\n([^`]+)```/.exec(readme)?.[1] ?? ''

test('the sample of the README runs as it stands and prints the typed answer', async () => {
  const dev = await openDev()
  onTestFinished(() => dev.close())
  // Beside the packages, as in a clone of this repository.
  const script = join(root, 'ask.readme-test.mjs')
  writeFileSync(script, block)
  onTestFinished(() => rmSync(script))

  // It finds the running `countersign dev` by itself: no URL, no key.
  const agent = start(process.execPath, [script], { env: { HOME: dev.home } })
  const call = async (method: string, path: string, body?: object) => {
    const headers = { authorization: `Bearer ${dev.personKey}`, 'content-type': 'application/json' }
    return (await fetch(`${dev.url}/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) })).json() as Promise<
      Record<string, unknown>
    >
  }
  const asked = async () =>
    ((await call('GET', '/tasks?status=open')).data as { id: string; task: string; revision: number }[])[0]
  await expect.poll(asked, { timeout: 15_000 }).toMatchObject({ task: 'Refund order 1042?' })
  const task = (await asked()) as { id: string; revision: number }
  const response = { approved: true, note: 'fine' }
  expect(
    await call('POST', `/tasks/${task.id}/decide`, { type: 'respond', response, seen_revision: task.revision }),
  ).toMatchObject({ outcome: 'answered' })

  expect(await agent.ended).toEqual({ code: 0, signal: null })
  expect(agent.stdout()).toBe("{ approved: true, note: 'fine' }\n")
}, 60_000)

test('README, dashboard and the welcome of `countersign dev` show the same sample', () => {
  const words = (text: string) => text.replace(/\s+/g, ' ')
  const core = words(block.slice(block.indexOf('task:'), block.indexOf('timeout:')))
  expect(words(sample('http://localhost:3001'))).toContain(core)
  expect(words(readFileSync(join(root, 'packages/server/src/cli/snippet.ts'), 'utf8'))).toContain(core)
})
