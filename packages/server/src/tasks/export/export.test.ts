import { expect, test } from 'vitest'
import { type Client, setup } from '#harness'
import { answer, REFUND } from '../tasks.fixture.ts'

const at = (id: unknown, act = '') => `/api/v1/tasks/${id}${act && `/${act}`}`
const EXPORT = '/api/v1/tasks/export'

test('T56 decisions leave as CSV without a formula, and as lines of JSON', async () => {
  const house = await setup()
  const formula = await house.given.task({ ...REFUND, task: '=HYPERLINK("http://x","y"), "quoted"' })
  await house.alice.post(at(formula.id, 'decide'), answer({ approved: true, note: '@SUM(A1)' }))
  await house.given.task({ ...REFUND, task: '-1+1', redact: 'notify' })
  const csv = await fetchText(house.alice, `${EXPORT}?format=csv`)
  expect(csv.headers.get('content-type')).toBe('text/csv; charset=utf-8')
  expect(csv.headers.get('content-disposition')).toBe('attachment; filename="decisions.csv"')
  const lines = csv.text.split('\r\n')
  expect(lines[0]?.split(',').slice(0, 4)).toEqual(['task_id', 'task', 'status', 'outcome'])
  expect(lines[1]).toContain(`"'=HYPERLINK(""http://x"",""y""), ""quoted"""`)
  expect(lines[2]).toContain(`,'-1+1,open,`)
  expect(lines).toHaveLength(4)
  const json = await fetchText(house.alice, `${EXPORT}?format=ndjson&status=completed`)
  const [one, ...rest] = json.text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(rest).toEqual([])
  expect(one).toMatchObject({
    task_id: formula.id,
    outcome: 'answered',
    decided_by: house.alice.id,
    response: { approved: true, note: '@SUM(A1)' },
  })
  expect((await house.eventTypes()).filter((type) => type === 'task.exported')).toHaveLength(2)
})

test('T56 include=learning gives what was proposed, what people made of it and said, and what came of it', async () => {
  const house = await setup()
  const { id } = await house.given.task(REFUND)
  await house.alice.post(at(id, 'comments'), { body: 'looks fine', audience: 'humans' })
  await house.alice.post(at(id, 'decide'), answer())
  await house.agent.post(at(id, 'outcome'), { status: 'failed', detail: 'declined' })
  const lesson = JSON.parse((await fetchText(house.alice, `${EXPORT}?format=ndjson&include=learning`)).text)
  expect(lesson).toMatchObject({
    ...{ task_id: id, proposed: { payload: REFUND.payload }, final: { approved: true }, outcome: 'answered' },
    comments: [{ body: 'looks fine' }],
    agent_outcome: { status: 'failed', said: { detail: 'declined' } },
  })
  expect((await house.alice.get(`${EXPORT}?format=csv&include=learning`)).status).toBe(422)
})

test('T56 T153 T18 an export shows what its caller reaches, masked as lists are', async () => {
  const house = await setup()
  const other = await house.given.agent({ name: 'other' })
  const { id } = await house.given.task({ ...REFUND, redact: 'notify' })
  await house.alice.post(at(id, 'decide'), answer({ approved: true, note: 'canary' }))
  await house.given.task(REFUND, other)
  const lines = async (by: Client, query = '') =>
    (await fetchText(by, `${EXPORT}?format=ndjson${query}`)).text.trim().split('\n').filter(Boolean)
  const ours = await lines(house.agent)
  expect(ours).toHaveLength(1)
  expect(ours[0]).toContain('_redacted')
  expect((await lines(house.agent, '&include=learning')).join()).not.toContain('canary')
  expect((await lines(house.auditor)).every((line) => !line.includes('"approved"'))).toBe(true)
  expect((await house.member.get(EXPORT)).status).toBe(403)
})

test('T56 more tasks than a page come each once, in order', async () => {
  const house = await setup()
  await Promise.all(Array.from({ length: 405 }, () => house.given.task(REFUND)))
  const { text } = await fetchText(house.alice, `${EXPORT}?format=ndjson`)
  const ids = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).task_id)
  expect([ids.length, new Set(ids).size, ids]).toEqual([405, 405, ids.toSorted()])
})

async function fetchText(by: Client, path: string) {
  const response = await by.raw(path)
  expect(response.status).toBe(200)
  return { headers: response.headers, text: await response.text() }
}
