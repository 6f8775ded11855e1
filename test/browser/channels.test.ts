// The pages on which channels are set up: Slack with its workspaces and members, the pages of others that may show tasks; and the link by which somebody in Slack says who they are.
import { expect, onTestFinished, test } from 'vitest'
import { openSlack } from '#harness'
import { accessibility, browse, houseWithPages, noFaults, overflow, useBrowser } from './browser.ts'

useBrowser()

async function withSlack() {
  const slack = await openSlack()
  onTestFinished(async () => {
    await slack.close()
    expect(slack.faults).toEqual([])
  })
  const settings = { SLACK_URL: slack.url, EGRESS_HTTP: '1', EGRESS_ALLOW: `127.0.0.1:${slack.port}` }
  return { slack, house: await houseWithPages({ settings }) }
}

test('T162 T113 Slack is set up step by step, tested, and shows who its members are; what it refuses stands beside the field', async () => {
  const { slack, house } = await withSlack()
  slack.members.push(
    { id: 'U0DANA', name: 'dana', email: house.alice.email },
    { id: 'U0EVE', name: 'eve', email: 'eve@example.com' },
  )
  const surf = await browse(house.url, { as: house.alice })
  const { page } = surf
  await page.goto('/channels/slack')
  await page.getByText('No workspace is connected.').waitFor()
  await page.getByRole('button', { name: 'Show the manifest' }).click()
  await page.getByRole('region', { name: 'manifest' }).getByText('/api/v1/channels/slack/interactions').waitFor()
  const install = page.getByRole('button', { name: 'Install at Slack' })
  expect(await install.getAttribute('aria-disabled')).toBe('true')

  const app = page.getByRole('form', { name: 'The app at Slack' })
  await app.getByLabel('Signing secret').fill('short')
  await app.getByRole('button', { name: 'Save the app' }).click()
  await expect.poll(() => app.getByLabel('Signing secret').getAttribute('aria-invalid')).toBe('true')
  await app.getByLabel('Signing secret').fill(slack.signingSecret)
  await app.getByLabel('Client ID').fill(slack.clientId)
  await app.getByLabel('Client secret').fill(slack.clientSecret)
  await app.getByRole('button', { name: 'Save the app' }).click()
  await app.getByText('Saved.').waitFor()
  await expect.poll(() => install.getAttribute('aria-disabled')).not.toBe('true')

  const token = page.getByRole('form', { name: 'Connect by a bot token' })
  await token.getByLabel('Or by a bot token').fill('xoxb-000000000000')
  await token.getByRole('button', { name: 'Connect' }).click()
  await token.getByText('Slack answered invalid_auth.').waitFor()
  await token.getByLabel('Or by a bot token').fill(slack.botToken)
  await token.getByRole('button', { name: 'Connect' }).click()
  await page.getByRole('region', { name: 'Workspaces' }).getByText('Example').waitFor()

  const trial = page.getByRole('form', { name: 'Test message' })
  await trial.getByLabel('Where to').fill('@eve')
  await trial.getByRole('button', { name: 'Send the test' }).click()
  await trial.getByText('Slack has taken it.').waitFor()
  expect(slack.messages).toMatchObject([{ channel: 'D0EVE' }])

  await page.getByRole('button', { name: 'Members of Example' }).click()
  const members = page.getByRole('region', { name: 'Members' })
  await members.getByText('@eve').waitFor()
  expect(await members.getByText('not known yet').count()).toBe(2)
  expect(await accessibility(page)).toEqual([])
  expect(await overflow(page)).toBe(0)

  await page.getByRole('button', { name: 'Disconnect Example' }).click()
  await page.getByRole('button', { name: 'Disconnect it' }).click()
  await page.getByText('Not connected any more').waitFor()
  noFaults(surf)
})

test('T162 T123 pages that may show tasks are listed, added and removed, and live tokens are revoked', async () => {
  const house = await houseWithPages()
  const surf = await browse(house.url, { as: house.alice, width: 360, height: 740 })
  const { page } = surf
  await page.goto('/channels/embeds')
  await page.getByText('None yet: no task is shown outside of here.').waitFor()
  await page.getByLabel('Origin').fill('http://shop.example')
  await page.getByRole('button', { name: 'Allow it' }).click()
  await expect.poll(() => page.getByLabel('Origin').getAttribute('aria-invalid')).toBe('true')
  await page.getByLabel('Origin').fill('https://*.shop.example')
  await page.getByRole('button', { name: 'Allow it' }).click()
  await page.getByRole('list', { name: 'Pages that may show tasks' }).getByText('https://*.shop.example').waitFor()
  const task = await house.given.task()
  const minted = await house.agent.post('/api/v1/embed/tokens', {
    task_id: task.id,
    parent_origin: 'https://a.shop.example',
    sub: 'Ann',
  })
  expect(minted.status).toBe(200)
  await page.reload()
  const live = page.getByRole('region', { name: 'Live tokens' })
  await live.getByText('https://a.shop.example').waitFor()
  expect(await accessibility(page)).toEqual([])
  expect(await overflow(page)).toBe(0)
  await page.getByRole('button', { name: `Revoke the token of ${task.id}` }).click()
  await page.getByRole('button', { name: 'Revoke it' }).click()
  await page.getByText('No token is live.').waitFor()
  await page.getByRole('button', { name: 'Remove https://*.shop.example' }).click()
  await page.getByRole('button', { name: 'Remove it' }).click()
  await page.getByText('None yet: no task is shown outside of here.').waitFor()
  noFaults(surf)
})

test('T118 the link from Slack leads through sign-in to one question, and links on the answer, not on opening', async () => {
  const { slack, house } = await withSlack()
  const dora = await house.given.user({
    role: 'member',
    displayName: 'Dora',
    email: 'dora@example.com',
    password: 'marble-otter-sings-7-hymns',
  })
  slack.members.push({ id: 'U0DORA', name: 'dora', email: 'other@elsewhere.example' })
  await house.alice.put('/api/v1/channels/slack/app', { signing_secret: slack.signingSecret })
  await house.alice.post('/api/v1/channels/slack/installations', { bot_token: slack.botToken })
  await house.given.task({ notify: [`slack:U0DORA`] })
  await house.runJobs()
  slack.now = () => house.clock.now().getTime()
  const [message] = slack.messages
  if (!message) throw new Error('no message arrived')
  await slack.press(house.url, message, 'cs_claim', 'U0DORA')
  await house.runJobs()
  const [, link = ''] = /<(http[^|]+)\|Sign in once>/.exec(slack.ephemerals[0]?.text ?? '') ?? []

  const surf = await browse(house.url)
  const { page } = surf
  await page.goto(link)
  await page.getByLabel('E-mail or username').fill('dora@example.com')
  await page.getByLabel('Password').fill('marble-otter-sings-7-hymns')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByText('Is it you, Dora?').waitFor()
  const linked = () => house.admin.rows`select user_id from slack_people`
  expect(await linked()).toEqual([])
  expect(await accessibility(page)).toEqual([])
  await page.getByRole('button', { name: 'Yes, that is me in Slack' }).click()
  await page.getByText('From now on you are Dora in Slack too.').waitFor()
  expect(await linked()).toEqual([{ user_id: dora.id }])
  noFaults(surf)
})
