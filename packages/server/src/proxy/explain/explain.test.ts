// What would become of a request, over the API: the proxy's own judgement, with nothing sent, asked or counted.
import { expect, test } from 'vitest'
import { openVault } from '../../vault/testing/vault.ts'

const EXPLAIN = '/api/v1/grants/explain'
const URL_OF = (path: string) => `https://api.example.com${path}`

async function granted(rules: object[] = [{ effect: 'allow' }], more: object = {}) {
  const vault = await openVault()
  const connection = await vault.connect()
  const { house } = vault
  const grant = await house.alice.post('/api/v1/grants', {
    ...{ agent_id: house.agent.id, connection_id: connection.id, rules },
    ...more,
  })
  expect(grant.status).toBe(201)
  const explain = async (own: object, by: { post: typeof house.alice.post } = house.alice) => {
    const answer = await by.post(EXPLAIN, { method: 'GET', url: URL_OF('/v1/things'), agent_id: house.agent.id, ...own })
    expect([answer.status, answer.body]).toEqual([200, answer.body])
    return answer.body
  }
  return { ...vault, connection, grant: grant.body, explain }
}
const resultOf = (body: { steps: { step: string; result: string }[] }, step: string) =>
  body.steps.find((one) => one.step === step)?.result

test('V140 V91 a request is explained step by step: what passed, what asks, and what is left to the moment of sending', async () => {
  const { house, connection, grant, explain } = await granted([{ effect: 'allow' }], { max_uses: 7 })
  const reads = await explain({})
  expect(reads).toMatchObject({ outcome: 'allow', reason: null, connection_id: connection.id, grant_id: grant.id })
  expect(reads.steps.map(({ step, result }: { step: string; result: string }) => `${step} ${result}`)).toEqual([
    'token not_tried',
    'rate not_tried',
    'syntax passed',
    'connection passed',
    'grant passed',
    'facts passed',
    'rule passed',
    'policy passed',
    'hold passed',
    'budget passed',
    'record not_tried',
    'material not_tried',
    'injection passed',
    'address not_tried',
  ])
  expect(reads.steps.find(({ step }: { step: string }) => step === 'injection').detail).toEqual({
    places: [{ where: 'header', name: 'authorization' }],
  })
  // The starting set asks for whatever changes something.
  const body = JSON.stringify({ amount: 4_200 })
  const writes = await explain({ method: 'POST', body, headers: { 'Content-Type': 'application/json' } }, house.agent)
  expect(writes).toMatchObject({ outcome: 'ask', policy: { ids: ['proxy-writes'], ask: { quorum: 1, on_timeout: 'deny' } } })
  expect([resultOf(writes, 'policy'), resultOf(writes, 'hold')]).toEqual(['asks', 'asks'])
  expect(writes.steps.find(({ step }: { step: string }) => step === 'facts').detail).toEqual({ amount: 4_200 })
  // Nothing was counted, asked or told.
  expect(await house.admin.one`select (select uses from grants) as uses, (select count(*)::int from tasks) as tasks`).toEqual({
    uses: 0,
    tasks: 0,
  })
  expect((await house.eventTypes()).filter((type) => type.startsWith('proxy.'))).toEqual([])
})

test('V140 V97 a refusal names its reason and the step that it falls at', async () => {
  const { explain } = await granted([
    { effect: 'allow', paths: ['/v1'] },
    { effect: 'deny', paths: ['/v1/keys'] },
  ])
  const cases = [
    [{ url: URL_OF('/v1/%2e%2e/x') }, 'path_ambiguous', 'syntax'],
    [{ url: URL_OF('/v2') }, 'path', 'rule'],
    [{ url: URL_OF('/v1/keys') }, 'path', 'rule'],
    [{ url: 'https://elsewhere.example.net/' }, 'no_grant', 'policy'],
    [{ url: 'https://api.example.com.evil.test/v1' }, 'no_grant', 'policy'],
    [{ url: URL_OF('/v1'), headers: { 'Countersign-Connection': 'alpha:other' } }, 'no_grant', 'connection'],
    [{ url: 'http://api.example.com:443/v1' }, 'plaintext', 'connection'],
    [{ method: 'POST', body: '{"amount":1,"amount":2}', headers: { 'content-type': 'application/json' } }, null, null],
  ] as const
  for (const [own, reason, step] of cases) {
    const said = await explain(own)
    if (reason === null) continue
    expect([own, said.outcome, said.reason]).toEqual([own, 'deny', reason])
    expect([own, said.steps.find((one: { result: string }) => one.result === 'refused')?.step]).toEqual([own, step])
  }
  // The upper-case and trailing-dot form of the real host is the real host (§10.1).
  expect((await explain({ url: 'https://API.EXAMPLE.COM./v1' })).outcome).toBe('allow')
})

test('V140 explaining is for whoever may read the grants of that agent; what is no URL is refused with its place', async () => {
  const { house } = await granted()
  const asked = (own: object, by: { post: typeof house.alice.post }) =>
    by.post(EXPLAIN, { method: 'GET', url: URL_OF('/'), ...own })
  const other = await house.alice.post('/api/v1/agents', { name: 'other' })
  const strange = await asked({ agent_id: other.body.id }, house.agent)
  const nobody = await asked({ agent_id: 'agt_01J9Z3K4M5N6P7Q8R9S0T1V2W3' }, house.agent)
  expect([strange.status, { ...strange.body, request_id: '' }]).toEqual([422, { ...nobody.body, request_id: '' }])
  expect((await asked({}, house.alice)).body.errors).toEqual([expect.objectContaining({ path: '/agent_id', code: 'required' })])
  for (const url of [
    'ftp://api.example.com/',
    'https://user@api.example.com/',
    'https://127.0.0.1/',
    'https://api.example.com:0/',
    'x',
  ])
    expect([url, (await asked({ url }, house.agent)).body.errors?.[0]?.path]).toEqual([url, '/url'])
})

test('V140 simulating judges typed requests under the policies in force and under others, side by side', async () => {
  const { house } = await granted()
  const requests = [
    { agent_id: house.agent.id, method: 'GET', url: URL_OF('/v1') },
    { agent_id: house.agent.id, method: 'POST', url: URL_OF('/v1') },
  ]
  const policies = `permit (principal is Agent, action == Action::"proxy.request", resource) when { context.target.method == "POST" };`
  const said = await house.alice.post('/api/v1/proxy/simulate', { requests, policies })
  expect(said.body).toMatchObject({ judged: 2, changed: 2, skipped: 0 })
  expect(
    said.body.data.map((one: { before: { outcome: string }; after: { outcome: string; reason: string } }) => [
      one.before.outcome,
      one.after.outcome,
      one.after.reason,
    ]),
  ).toEqual([
    ['allow', 'deny', 'no_permit'],
    ['ask', 'allow', null],
  ])
  const wrong = await house.alice.post('/api/v1/proxy/simulate', { requests, policies: 'permit (principal, action, resource' })
  expect([wrong.status, wrong.body.code]).toEqual([422, 'policy_invalid'])
  expect((await house.alice.post('/api/v1/proxy/simulate', { policies })).body.errors[0].path).toBe('/requests')
  expect((await house.agent.post('/api/v1/proxy/simulate', { requests })).status).toBe(403)
})
