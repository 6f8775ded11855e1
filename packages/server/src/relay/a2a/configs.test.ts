// Push configs over both bindings: kept, shown without what opens them, and sent what streams are sent (relay.md R100, R101, §12.23, §12.30).
import { createPublicKey, randomBytes, verify } from 'node:crypto'
import {
  DeleteTaskPushNotificationConfigRequest,
  GetTaskPushNotificationConfigRequest,
  ListTaskPushNotificationConfigsRequest,
  StreamResponse,
  TaskPushNotificationConfig,
} from '@a2a-js/sdk'
import { expect, test } from 'vitest'
import { type Got, openReceiver, type Receiver } from '../../webhooks/testing/receiver.ts'
import { RELAY_EXTENSION } from './extension.ts'
import { BINDINGS, message, openAgent, raw, request, resultOf, taskOf } from './testing/agent.ts'

const now = { configuration: { returnImmediately: true } }
const secret = () => randomBytes(16).toString('hex')

async function given() {
  const there = await openReceiver()
  const agent = await openAgent({ settings: { EGRESS_HTTP: '1', EGRESS_ALLOW: `127.0.0.1:${there.port}` } })
  return { there, agent, url: `${there.origin}/pushed` }
}
// biome-ignore lint/suspicious/noExplicitAny: a test reads whatever came
const bodies = (there: Receiver): any[] => there.got.map(({ body }) => JSON.parse(body))

test.each(BINDINGS)(
  'R100 §12.23 the official client makes, reads, lists and removes push configs, and is told no credential again: %s',
  async (binding) => {
    const { agent, url } = await given()
    const client = await agent.client(binding)
    const task = taskOf(await client.sendMessage(request(now)))
    const [token, credentials] = [secret(), secret()]
    const wanted = { taskId: task.id, id: 'mine', url, token, authentication: { scheme: 'Bearer', credentials } }
    const shown = { id: 'mine', taskId: task.id, url, token: '', authentication: { scheme: 'Bearer', credentials: '' } }
    const made = await client.createTaskPushNotificationConfig(TaskPushNotificationConfig.fromJSON(wanted))
    expect(made).toMatchObject(shown)
    const unnamed = await client.createTaskPushNotificationConfig(TaskPushNotificationConfig.fromJSON({ taskId: task.id, url }))
    expect([unnamed.id.length > 0, unnamed.authentication]).toEqual([true, undefined])
    const at = { taskId: task.id, id: 'mine' }
    expect(await client.getTaskPushNotificationConfig(GetTaskPushNotificationConfigRequest.fromJSON(at))).toMatchObject(shown)
    const list = async () =>
      (await client.listTaskPushNotificationConfig(ListTaskPushNotificationConfigsRequest.fromJSON({ taskId: task.id }))).configs
    expect((await list()).map(({ id }) => id)).toEqual(['mine', unnamed.id])
    // The same name again is the same config.
    await client.createTaskPushNotificationConfig(TaskPushNotificationConfig.fromJSON({ ...wanted, url: `${url}/2` }))
    expect((await list()).map(({ id, url: to }) => [id, to])).toEqual([
      ['mine', `${url}/2`],
      [unnamed.id, url],
    ])
    for (const answer of ['GetTaskPushNotificationConfig', 'ListTaskPushNotificationConfigs'])
      for (const word of [token, credentials])
        expect((await raw(agent, binding, { method: answer, params: at })).text).not.toContain(word)
    const { rows } = await agent.house.admin.query(`select string_agg(x::text, ' ') as text from countersign.endpoints x`)
    expect(rows[0].text).not.toContain(credentials)
    await client.deleteTaskPushNotificationConfig(DeleteTaskPushNotificationConfigRequest.fromJSON(at))
    await client.deleteTaskPushNotificationConfig(DeleteTaskPushNotificationConfigRequest.fromJSON(at))
    expect((await list()).map(({ id }) => id)).toEqual([unnamed.id])
    await expect(client.getTaskPushNotificationConfig(GetTaskPushNotificationConfigRequest.fromJSON(at))).rejects.toThrow()
  },
)

test('R100 §12.23 both bindings answer the same, page by page, and ten is the most', async () => {
  const { agent, url } = await given()
  const { body } = await raw(agent, 'JSONRPC', { method: 'SendMessage', params: { message: message(), ...now } })
  const taskId = body.result.task.id
  const make = (id: string) =>
    raw(agent, 'HTTP+JSON', { method: 'CreateTaskPushNotificationConfig', params: { taskId, id, url: `${url}/${id}` } })
  for (let n = 0; n < 10; n++) expect((await make(`c${n}`)).status).toBe(201)
  expect((await make('c10')).error?.reason).toBe('STATE_CONFLICT')
  expect((await make('c3')).status).toBe(201)
  for (const [method, params] of [
    ['ListTaskPushNotificationConfigs', { taskId }],
    ['GetTaskPushNotificationConfig', { taskId, id: 'c3' }],
  ] as const) {
    const [rpc, rest] = await Promise.all(BINDINGS.map((binding) => raw(agent, binding, { method, params })))
    expect(resultOf('JSONRPC', rpc as never)).toEqual(resultOf('HTTP+JSON', rest as never))
  }
  const seen: string[] = []
  for (let pageToken = ''; ; ) {
    const { body: page } = await raw(agent, 'HTTP+JSON', {
      method: 'ListTaskPushNotificationConfigs',
      params: { taskId, pageSize: 4, ...(pageToken === '' ? {} : { pageToken }) },
    })
    seen.push(...page.configs.map(({ id }: { id: string }) => id))
    pageToken = page.nextPageToken ?? ''
    if (pageToken === '') break
  }
  expect(seen).toEqual(Array.from({ length: 10 }, (_, n) => `c${n}`))
})

test('R101 §12.30 each change of state and each whole result is posted: as streams say it, in order, with what was given and the signature of the installation', async () => {
  const { there, agent, url } = await given()
  const [token, credentials] = [secret(), secret()]
  const config = { url, token, authentication: { scheme: 'Bearer', credentials } }
  const client = await agent.client('JSONRPC')
  const task = taskOf(
    await client.sendMessage(request({ configuration: { returnImmediately: true, taskPushNotificationConfig: config } })),
  )
  const piece = (text: string, more: object) => ({ artifact_id: 'a', parts: [{ text }], ...more })
  await agent.respond(task.id, { outcome: 'progress', text: 'looking' })
  await agent.respond(task.id, { outcome: 'progress', artifacts: [piece('one ', { last_chunk: false })] })
  await agent.respond(task.id, { outcome: 'progress', artifacts: [piece('two', { append: true, last_chunk: true })] })
  await agent.respond(task.id, { outcome: 'completed', text: 'done', artifacts: [piece('x', { artifact_id: 'b' })] })
  await agent.house.runJobs()
  const got = bodies(there)
  const kinds = got.map(({ statusUpdate, artifactUpdate }) => statusUpdate?.status.state ?? artifactUpdate?.artifact.artifactId)
  expect(kinds.filter((kind, i) => kind !== kinds[i - 1])).toEqual([
    'TASK_STATE_WORKING',
    'a',
    'TASK_STATE_WORKING',
    'b',
    'TASK_STATE_COMPLETED',
  ])
  const whole = got.find(({ artifactUpdate }) => artifactUpdate?.artifact.artifactId === 'a')?.artifactUpdate
  expect(whole).toMatchObject({
    taskId: task.id,
    contextId: task.contextId,
    lastChunk: true,
    artifact: { parts: [{ text: 'one ' }, { text: 'two' }] },
  })
  expect(got.at(-1).statusUpdate).toMatchObject({ taskId: task.id, status: { message: { parts: [{ text: 'done' }] } } })
  const numbers = got.map(
    ({ statusUpdate, artifactUpdate }) => (statusUpdate ?? artifactUpdate).metadata[RELAY_EXTENSION].sequence,
  )
  expect(numbers).toEqual([...numbers].sort((a, b) => a - b))
  for (const body of got) expect(StreamResponse.fromJSON(body).payload?.$case).toMatch(/^(status|artifact)Update$/)

  const [first] = there.got as [Got]
  expect(first.headers).toMatchObject({
    'content-type': 'application/a2a+json',
    authorization: `Bearer ${credentials}`,
    'x-a2a-notification-token': token,
    'webhook-attempt': '1',
  })
  const { keys } = await (await fetch(`${agent.house.url}/.well-known/countersign/relay-keys.json`)).json()
  const signed = Buffer.from(`${first.headers['webhook-id']}.${first.headers['webhook-timestamp']}.${first.body}`)
  const signature = Buffer.from(String(first.headers['webhook-signature']).replace('v1a,', ''), 'base64')
  const holds = keys.some((jwk: never) => verify(null, signed, createPublicKey({ key: jwk, format: 'jwk' }), signature))
  expect([holds, String(first.headers['webhook-signature']).startsWith('v1a,')]).toEqual([true, true])
})

test('R100 a config of an ended task is taken and never fires; nothing fires after the end', async () => {
  const { there, agent, url } = await given()
  const client = await agent.client('HTTP+JSON')
  const task = taskOf(await client.sendMessage(request(now)))
  await agent.respond(task.id, { outcome: 'failed', error: { code: 'no', message: 'No.' } })
  await client.createTaskPushNotificationConfig(TaskPushNotificationConfig.fromJSON({ taskId: task.id, url }))
  await agent.house.runJobs()
  expect(there.got).toEqual([])
})

test.each(BINDINGS)(
  '§12.30 R101 §10 a push config to where nothing may be posted is refused when it is kept: %s',
  async (binding) => {
    const { there, agent } = await given()
    const task = taskOf(await (await agent.client(binding)).sendMessage(request(now)))
    const reasons: (string | undefined)[] = []
    for (const url of [
      ...['https://127.0.0.1/', 'https://10.1.2.3/', 'https://169.254.169.254/latest', 'https://[::1]/', 'https://[fd00::1]/'],
      ...['https://user:pass@example.com/', 'javascript:alert(1)', `http://127.0.0.1:${there.port + 1}/`],
    ]) {
      const { error } = await raw(agent, binding, {
        method: 'CreateTaskPushNotificationConfig',
        params: { taskId: task.id, url },
      })
      reasons.push(error?.reason)
      const sent = await raw(agent, binding, {
        method: 'SendMessage',
        params: { message: message(), configuration: { returnImmediately: true, taskPushNotificationConfig: { url } } },
      })
      expect(sent.error?.reason, url).toBe(error?.reason)
    }
    for (const reason of reasons) expect(['URL_NOT_ALLOWED', 'URL_INVALID']).toContain(reason)
    expect((await agent.house.admin.one<{ n: number }>`select count(*)::int as n from threads`).n).toBe(1)
    expect(there.got).toEqual([])
  },
)

test('§12.30 R101 one that redirects is not followed, and each attempt is on the log of the caller’s side', async () => {
  const { there, agent, url } = await given()
  const other = await openReceiver()
  const client = await agent.client('JSONRPC')
  const task = taskOf(await client.sendMessage(request(now)))
  there.otherwise = { status: 307, headers: { location: `${other.origin}/` } }
  await client.createTaskPushNotificationConfig(TaskPushNotificationConfig.fromJSON({ taskId: task.id, url }))
  await agent.respond(task.id, { outcome: 'completed', text: 'done' })
  await agent.house.runJobs()
  expect([there.got.length, other.got.length]).toEqual([1, 0])
  const { rows } = await agent.house.admin.query(
    'select distinct class, status from countersign.delivery_attempts order by class',
  )
  expect(rows).toEqual([{ class: 'status', status: 307 }])
})

test.each(BINDINGS)(
  'R100 R102 another caller’s task has no configs to speak of, and without threads:subscribe none are kept: %s',
  async (binding) => {
    const { agent, url } = await given()
    const task = taskOf(await (await agent.client(binding)).sendMessage(request(now)))
    const other = await agent.grantTo()
    const mute = await agent.grantTo({ scopes: ['threads:start', 'threads:read'] })
    for (const method of [
      'CreateTaskPushNotificationConfig',
      'GetTaskPushNotificationConfig',
      'ListTaskPushNotificationConfigs',
      'DeleteTaskPushNotificationConfig',
    ]) {
      const params = { taskId: task.id, id: 'x', ...(method.startsWith('Create') ? { url } : {}) }
      expect((await raw(agent, binding, { method, params, token: other.token })).error?.reason, method).toBe('TASK_NOT_FOUND')
    }
    const own = taskOf(await (await agent.client(binding, mute.token)).sendMessage(request(now)))
    const refused = await raw(agent, binding, {
      ...{ method: 'CreateTaskPushNotificationConfig', params: { taskId: own.id, url }, token: mute.token },
    })
    expect([refused.status, refused.error?.reason]).toEqual([403, 'SCOPE_MISSING'])
  },
)
