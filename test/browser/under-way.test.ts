// What the page of a task says before and after one decides: what has to be proven, who vouches for a vote, and what can be done while the agent is at work.
import { expect, test } from 'vitest'
import { clientOf } from '#harness'
import { accessibility, browse, houseWithPages, noFaults, useBrowser } from './browser.ts'

useBrowser()

const at = (id: unknown, act = '') => `/api/v1/tasks/${id}${act && `/${act}`}`

test('T53 T159 what was sent back can be withdrawn while the agent changes it, and nothing else is offered meanwhile', async () => {
  const house = await houseWithPages()
  const task = await house.given.task()
  expect((await house.bob.post(at(task.id, 'send-back'), { comment: 'Which order?', seen_revision: 1 })).status).toBe(200)
  const surf = await browse(house.url, { as: house.alice })
  const { page } = surf
  await page.goto(`/tasks/${task.id}`)
  const acts = page.getByRole('region', { name: 'Other acts' })
  const withdraw = acts.getByRole('button', { name: 'Withdraw the question' })
  await withdraw.waitFor()
  expect(await acts.getByRole('button').allTextContents()).toEqual(['Withdraw the question'])
  await withdraw.click()
  const dialog = page.getByRole('dialog', { name: 'Withdraw the question' })
  expect(await accessibility(page)).toEqual([])
  await dialog.getByRole('button', { name: 'Withdraw it' }).click()
  await page.getByRole('region', { name: 'What became of it' }).getByText('It was withdrawn.').waitFor()
  expect((await house.agent.get(at(task.id))).body).toMatchObject({ status: 'cancelled' })
  noFaults(surf)
})

test('T151 T159 a risky question says before one answers that the password will be asked for, and a fresh proof says nothing', async () => {
  const house = await houseWithPages()
  const [form, action] = [
    await house.given.task({ risk: 'high' }),
    await house.given.task({
      ...{ task: 'Refund?', risk: 'high', timeout_seconds: 86_400, response_schema: undefined },
      action: { name: 'refund', args: { order: 7 }, allow: ['accept', 'deny'] },
    }),
  ]
  const surf = await browse(house.url, { as: house.alice })
  const { page } = surf
  const said = page.getByText('your password is asked for as you send it', { exact: false })
  for (const [{ id }, card] of [
    [form, 'Your answer'],
    [action, 'Your decision'],
  ] as const) {
    await house.admin
      .run`update sessions set step_up_at = countersign.now() - interval '11 minutes' where user_id = ${house.alice.id}`
    await page.goto(`/tasks/${id}`)
    await said.waitFor()
    await house.admin.run`update sessions set step_up_at = countersign.now() where user_id = ${house.alice.id}`
    await page.reload()
    await page.getByRole('region', { name: card }).waitFor()
    expect(await said.count()).toBe(0)
  }
  noFaults(surf)
})

test('T19 T159 a vote and a settlement that a key relayed name the key that alone vouches for them', async () => {
  const house = await houseWithPages()
  const reviewer = await house.reviewer.person()
  const key = await house.given.key({ kind: 'adm', name: 'front desk', scopes: ['tasks:decide_for'] })
  const desk = clientOf(house.url, { bearer: key.secret })
  const relay = async (id: string) =>
    (
      await desk.post(at(id, 'decide'), {
        ...{ type: 'respond', response: { approved: true }, seen_revision: 1, on_behalf_of: reviewer.id },
      })
    ).status
  const schema = { type: 'object', properties: { approved: { type: 'boolean' } }, required: ['approved'] }
  const one = await house.given.task({ response_schema: schema, assign_to: { email: reviewer.email } })
  const several = await house.given.task({
    ...{ response_schema: schema, quorum: 2, assign_to: { emails: [reviewer.email, house.bob.email] } },
  })
  expect([await relay(one.id), await relay(several.id)]).toEqual([200, 200])
  const surf = await browse(house.url, { as: house.bob })
  const { page } = surf
  for (const [id, card] of [
    [one.id, 'What became of it'],
    [several.id, 'Votes'],
  ] as const) {
    await page.goto(`/tasks/${id}`)
    const said = page.getByRole('region', { name: card }).getByText('Relayed by the key')
    await said.waitFor()
    expect(await said.textContent()).toBe(
      `Relayed by the key ${key.id}, which alone vouches that it was ${reviewer.displayName}.`,
    )
  }
  noFaults(surf)
})
