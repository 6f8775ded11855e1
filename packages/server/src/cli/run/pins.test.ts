// `--pin-hosts` (V118) and `--wait` (V104) as clients of a run meet them.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { testWith } from './testing/programs.ts'
import { grantAll, openRunWorld } from './testing/world.ts'

const NODE = `
const [origin] = process.argv.slice(2)
const reach = (url) => fetch(url).then((answer) => String(answer.status), (error) => error.cause?.message ?? String(error))
for (const url of [origin + '/in', 'https://api.example.org/out', 'https://192.0.2.7/out']) console.log(new URL(url).hostname, await reach(url))
`

testWith(
  'curl',
  'V118 with --pin-hosts clients refuse the run’s authority for every name that is not granted, and for addresses',
  async () => {
    const world = await openRunWorld()
    await grantAll(world)
    writeFileSync(join(world.folder, 'reach.mjs'), NODE)
    const reached = async (words: string[]) => {
      const running = world.run([...words, '--', process.execPath, 'reach.mjs', world.origin])
      expect((await running.ended).code).toBe(0)
      return running.stdout().trim().split('\n')
    }
    expect(await reached([])).toEqual(['api.example.com 200', 'api.example.org 403', '192.0.2.7 403'])
    expect(await reached(['--pin-hosts'])).toEqual([
      'api.example.com 200',
      'api.example.org permitted subtree violation',
      '192.0.2.7 excluded subtree violation',
    ])
    const calls = 'curl -sS "$1/in" && ! curl -sS https://api.example.org/out; ! curl -sS https://192.0.2.7/out'
    const curl = world.run(['--pin-hosts', '--', 'sh', '-c', calls, 'sh', world.origin])
    expect((await curl.ended).code).toBe(0)
    expect([curl.stdout(), curl.stderr().match(/subtree violation/g)]).toEqual([
      'GET /in',
      ['subtree violation', 'subtree violation'],
    ])
    const { data } = (await world.house.alice.get('/api/v1/runs')).body
    expect(data[0].wait_seconds).toBe(null)
  },
)

test('V118 V126 --pin-hosts without a grant, and --wait that no request could mean, are refused before anything starts', async () => {
  const world = await openRunWorld()
  const said = async (words: string[]) => {
    const running = world.run([...words, '--', 'true'])
    expect([words, (await running.ended).code]).toEqual([words, 125])
    return running.stderr()
  }
  expect(await said(['--pin-hosts'])).toContain('there are no names to keep to')
  expect(await said(['--wait', '601'])).toContain('--wait is 0 to 600 seconds')
  expect(await said(['--trust-keychain'])).toMatch(process.platform === 'darwin' ? /keychain/ : /--trust-keychain is for macOS/)
  expect((await world.run(['--wait', '7', '--', 'true']).ended).code).toBe(0)
  const { data } = (await world.house.alice.get('/api/v1/runs')).body
  expect(data[0]).toMatchObject({ wait_seconds: 7, state: 'ended' })
}, 240_000)
