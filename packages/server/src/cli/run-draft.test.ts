// The draft of a run at the command line, against the real server: read, published once, and published again.
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root, start, temporaryFolder } from '../../../../test/harness/process.ts'
import { learningRun, putLearned } from '../proxy/drafts/testing/learned.ts'
import { openVault } from '../vault/testing/vault.ts'

const MAIN = join(root, 'packages/server/src/cli/main.ts')

test('V96 §7 runs draft says what a run learned; --publish makes the grants and saves the policies, and the second time nothing', async () => {
  const { house, connect } = await openVault()
  const home = temporaryFolder()
  const connection = await connect()
  const run = await learningRun(house)
  await putLearned(house, run.id, [
    { host: 'api.example.com', path: '/v1/customers/42' },
    { host: 'api.example.com', path: '/v1/customers/43', method: 'POST' },
    { host: 'api.example.com', path: '/plain', scheme: 'http', port: 443 },
    { host: 'docs.example.net', path: '/guide' },
    { host: 'api.github.com', path: '/user' },
  ])
  async function runs(args: string[], scopes: string[]) {
    const { secret } = await house.given.key({ kind: 'usr', scopes })
    const env = { HOME: home, XDG_CONFIG_HOME: home, COUNTERSIGN_URL: house.url, COUNTERSIGN_KEY: secret }
    const running = start(process.execPath, ['--import', 'tsx', MAIN, 'runs', 'draft', run.id, ...args], { env })
    const { code } = await running.ended
    return { code, out: running.stdout(), err: running.stderr() }
  }
  const MINE = ['runs:*', 'grants:*', 'connections:*']

  const shown = await runs([], MINE)
  expect([shown.code, shown.err]).toEqual([0, ''])
  expect(shown.out.split('\n').map((line) => line.trimEnd())).toEqual([
    `${run.id}  learn  5 requests`,
    `grant    alpha:${connection.name}  ${connection.id}  3 requests`,
    '  allow GET,POST api.example.com =/v1/customers/*',
    expect.stringMatching(/^pass {5}docs\.example\.net {2}1 request {2}policy pass-[0-9a-f]{20}$/),
    'connect  github  1 request to api.github.com: countersign login github',
    'left out GET http://api.example.com/plain: without TLS no credential goes out',
    `Nothing is published yet: countersign runs draft ${run.id} --publish`,
    '',
  ])

  const unsure = await runs(['--publish'], MINE)
  expect([unsure.code, unsure.err]).toEqual([2, expect.stringContaining('needs --yes')])
  const first = await runs(['--publish', '--yes'], MINE)
  expect([first.code, first.out]).toEqual([0, expect.stringMatching(/grt_\w+ {2}conn_\w+ {2}granted\npolicies were not saved/)])
  const second = await runs(['--publish', '--yes'], [...MINE, 'policies:*'])
  expect([second.code, second.out]).toEqual([0, expect.stringMatching(/was granted before\npolicies version \d+ is saved/)])
  const version = /version (\d+)/.exec(second.out)?.[1]
  expect((await house.alice.post(`/api/v1/policies/${version}/activate`, {})).status).toBe(200)
  const third = await runs(['--publish', '--yes', '--json'], [...MINE, 'policies:*'])
  expect(JSON.parse(third.out)).toMatchObject({ grants: [{ made: false }], policies: { state: 'there' } })
  const grants = (await house.alice.get('/api/v1/grants')).body.data
  expect(grants).toMatchObject([
    { agent_id: house.agent.id, rules: [{ effect: 'allow', methods: ['GET', 'POST'], paths: ['=/v1/customers/*'] }] },
  ])
}, 120_000)
