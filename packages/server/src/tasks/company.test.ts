import { Problem } from '@countersign/sdk'
import { expect, test } from 'vitest'
import { type Client, setup } from '#harness'
import { openCompany } from './company.ts'
import { answer, REFUND, remains } from './tasks.fixture.ts'

function given(together: (all: readonly number[]) => Promise<(number | Problem)[]>) {
  const parties: number[][] = []
  const alone: number[] = []
  const company = openCompany<number, number>({
    groupOf: (n) => String(n % 10),
    sizeOf: (n) => (n >= 1_000 ? 900_000 : 10),
    together: (all) => {
      parties.push([...all])
      return together(all)
    },
    alone: async (n) => {
      alone.push(n)
      return n * 2
    },
  })
  return { company, parties, alone }
}

test('T168 who comes alone goes alone and at once; who comes together goes together, by tenant, and each hears their own answer', async () => {
  const { company, parties, alone } = given(async (all) => all.map((n) => n * 2))
  expect(await company.join(7)).toBe(14)
  expect([parties, alone]).toEqual([[], [7]])
  const answers = await Promise.all([1, 11, 2, 21, 12].map((n) => company.join(n)))
  expect(answers).toEqual([2, 22, 4, 42, 24])
  expect(parties).toEqual([
    [1, 11, 21],
    [2, 12],
  ])
})

test('T168 one of a party is refused alone, and what one of them brings about does not fall on the others', async () => {
  const refusing = given(async (all) => all.map((n) => (n === 11 ? new Problem('assign_to_invalid') : n * 2)))
  const answers = await Promise.allSettled([1, 11, 21].map((n) => refusing.company.join(n)))
  expect(answers.map((one) => (one.status === 'fulfilled' ? one.value : one.reason.code))).toEqual([2, 'assign_to_invalid', 42])
  const breaking = given(async () => {
    throw new TypeError('a bug that one of them met')
  })
  expect(await Promise.all([1, 11, 21].map((n) => breaking.company.join(n)))).toEqual([2, 22, 42])
  const away = given(async () => {
    throw new Problem('store_unavailable')
  })
  const refused = await Promise.allSettled([1, 11].map((n) => away.company.join(n)))
  expect(refused.map((one) => one.status)).toEqual(['rejected', 'rejected'])
  expect(away.alone).toEqual([])
})

test('T168 nobody waits longer than 5 ms for company, however long others take, and large ones do not travel in one statement', async () => {
  const releases: (() => void)[] = []
  const { company, parties } = given((all) => new Promise((resolve) => releases.push(() => resolve(all.map((n) => n * 2)))))
  const waits: Promise<number>[] = []
  for (let round = 0; round < 4; round++) {
    waits.push(company.join(1), company.join(11))
    await new Promise((resume) => setTimeout(resume, 20))
  }
  expect(parties).toHaveLength(4)
  for (const release of releases.splice(0)) release()
  await Promise.all(waits)
  const large = [1_001, 1_011, 1_021, 1_031].map((n) => company.join(n))
  const small = [1, 11].map((n) => company.join(n))
  await expect.poll(() => releases.length).toBeGreaterThan(0)
  const draining = setInterval(() => releases.splice(0).forEach((release) => void release()), 5)
  expect(await Promise.all([...large, ...small])).toEqual([2_002, 2_022, 2_042, 2_062, 2, 22])
  clearInterval(draining)
})

test('T168 of creates at once each has its own event, deadline and answer, and a bad one among them is refused alone', async () => {
  const house = await setup({ checkAnswers: false })
  const nobody = { user_id: 'usr_00000000000000000000000000' }
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, i) =>
      house.agent.post('/api/v1/tasks', {
        ...REFUND,
        task: `Question ${i}`,
        ...(i % 10 === 3 ? { assign_to: nobody } : { idempotency_key: `k-${i % 30}` }),
      }),
    ),
  )
  const statuses = answers.map((one) => one.status)
  // Of two questions under one key whichever came first was made; the other asks something else.
  for (let i = 0; i < 30; i++) {
    const pair = i < 10 ? [statuses[i], statuses[i + 30]].sort() : [statuses[i]]
    expect([i, ...pair]).toEqual([i, ...(i % 10 === 3 ? pair.map(() => 422) : i < 10 ? [201, 422] : [201])])
  }
  for (const [i, { body }] of answers.entries()) if (body.task) expect(body.task).toBe(`Question ${i}`)
  expect(await remains(house)).toEqual({ tasks: 27, decisions: 0, events: 27, jobs: 27, keys: 27 })
})

test('T168 T12 of decisions at once each has its own event and answer; the second on a task and one on an old revision are refused alone', async () => {
  const house = await setup({ checkAnswers: false })
  const tasks = await Promise.all(Array.from({ length: 12 }, () => house.given.task(REFUND)))
  const decide = (who: Client, i: number, more: object = {}) =>
    who.post(`/api/v1/tasks/${tasks[i]?.id}/decide`, answer({ approved: true, note: `Note ${i}` }, more))
  const [alice, bob] = [house.alice, await house.given.user({ role: 'operator' })]

  const [twice, ...once] = await Promise.all([
    Promise.all([decide(alice, 0), decide(bob, 0)]),
    ...tasks.slice(1).map((_, i) => decide(i % 2 === 0 ? alice : bob, i + 1, i === 10 ? { seen_revision: 2 } : {})),
  ])

  expect(twice.map((one) => one.body.code ?? one.status).sort()).toEqual([200, 'task_not_open'])
  expect(once.map((one) => one.body.code ?? one.status)).toEqual([...Array(10).fill(200), 'task_revised'])
  for (const [i, { body }] of once.slice(0, 10).entries()) {
    const response = { approved: true, note: `Note ${i + 1}` }
    expect(body).toMatchObject({ id: tasks[i + 1]?.id, status: 'completed', response, decisions: [{ response }] })
  }
  expect(await remains(house)).toEqual({ tasks: 12, decisions: 11, events: 23, jobs: 12, keys: 12 })
})
