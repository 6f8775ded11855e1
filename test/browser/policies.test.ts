// Policies in a browser: read in words, changed in an editor that says line and column, compared, tried, activated, and one request judged aloud.
import { expect, test } from 'vitest'
import { accessibility, browse, houseWithPages, noFaults, overflow, picture, useBrowser } from './browser.ts'

useBrowser()

const PASSWORD = 'marble-otter-sings-7-hymns'
const MORE = `
@id("reports")
@note("Reports need no question.")
permit (principal is Agent, action == Action::"job.enqueue", resource == Kind::"report.build");
`

test('P70 the policies in force are read in words, and sorted by what they do', async () => {
  const house = await houseWithPages()
  const surf = await browse(house.url, { as: house.alice })
  const { page } = surf
  await page.goto('/policies')
  const list = page.getByRole('list', { name: 'Policies' })
  await list.getByText('A person agrees to each job that an agent wants to run, or to run again.').first().waitFor()
  await list.getByText(/“May \{agent\} run this job\?” One person within 24 h, then denied\./).waitFor()
  expect(await accessibility(page)).toEqual([])
  await picture(page, 'policies')

  await page.getByRole('button', { name: 'Asks' }).click()
  expect(new URL(page.url()).search).toBe('?does=asks')
  await expect.poll(() => list.getByRole('listitem').count()).toBe(5)
  await list.getByText('Text of agents-enqueue').click()
  await list.getByText('@ask("May {agent} run this job?")').waitFor()
  await page.setViewportSize({ width: 390, height: 800 })
  expect(await overflow(page)).toBe(0)
  noFaults(surf)
})

test('P67 P69 the editor says line and column while one types; a version is saved, compared, tried and activated with a proof of presence', async () => {
  const house = await houseWithPages()
  const otto = await house.given.user({ role: 'owner', displayName: 'Otto', password: PASSWORD })
  await house.given.task()
  const surf = await browse(house.url, { as: otto })
  const { page } = surf
  await page.goto('/policies/editor')
  const text = page.getByRole('textbox', { name: 'Text of the policies' })
  await page.getByText(/No problem in \d+ policies\./).waitFor()
  const save = page.getByRole('button', { name: 'Save as a new version' })
  expect(await save.getAttribute('title')).toBe('Nothing has changed yet.')
  const starting = await text.inputValue()

  await text.fill(`${starting}${MORE.replace('@note', '@nota')}`)
  const problems = page.getByRole('region', { name: 'Problems' })
  await problems.getByText('There is no annotation @nota; did you mean @note.').waitFor()
  expect(await save.getAttribute('title')).toBe('Mend the problems first.')
  const line = starting.split('\n').length + 2
  const place = problems.getByRole('button', { name: `Line ${line}, column 1` })
  expect(await accessibility(page)).toEqual([])
  await place.scrollIntoViewIfNeeded()
  await picture(page, 'policy-editor')
  await place.click()
  const chosen = await text.evaluate((area: HTMLTextAreaElement) =>
    area.value.slice(area.selectionStart, area.selectionStart + 5),
  )
  expect(chosen).toBe('@nota')

  await text.fill(`${starting}${MORE}`)
  await page.getByText(/No problem in \d+ policies, 1 warning\.|No problem in \d+ policies\./).waitFor()
  await page.getByLabel('What changed').fill('Reports need no question.')
  await house.clock.advance('11m')
  await expect.poll(() => save.getAttribute('title')).toBe(null)
  await save.click()
  const proof = page.getByRole('dialog', { name: 'Confirm that it is you' })
  await proof.getByLabel('Your password').fill(PASSWORD)
  await proof.getByRole('button', { name: 'Confirm' }).click()

  await page.getByRole('heading', { name: 'Version 2', level: 1 }).waitFor()
  const differences = page.getByRole('list', { name: 'Differences' })
  await differences.getByText('reports added').waitFor()
  await page.getByRole('button', { name: 'Judge the latest decisions again' }).click()
  await page.getByText('No outcome of 1 decision would change.').waitFor()
  expect(await accessibility(page)).toEqual([])
  await picture(page, 'policy-version')
  await page.getByRole('button', { name: 'Activate version 2' }).click()
  const sure = page.getByRole('dialog', { name: 'Activate version 2' })
  await sure.getByText(/judged by version 2 in place of version 1/).waitFor()
  await sure.getByRole('button', { name: 'Activate version 2' }).click()
  await page.getByText('active', { exact: true }).first().waitFor()
  expect((await otto.get('/api/v1/policies/active')).body.version).toBe(2)

  // Going back is the same act.
  await page.getByRole('link', { name: 'Versions' }).click()
  await page.getByRole('link', { name: 'Version 1' }).click()
  await page.getByRole('button', { name: 'Activate version 1' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Activate version 1' }).click()
  await expect.poll(async () => (await otto.get('/api/v1/policies/active')).body.version).toBe(1)
  noFaults(surf)
})

test('P64 the simulator judges one request and shows the policies that decided; its question stands in the address', async () => {
  const house = await houseWithPages()
  const surf = await browse(house.url, { as: house.alice, height: 1000 })
  const { page } = surf
  await page.goto('/policies/simulator')
  await page.getByLabel('Id', { exact: true }).fill(house.agent.id)
  await page.getByRole('button', { name: 'Judge' }).click()
  const outcome = page.getByRole('region', { name: 'Outcome' })
  await outcome.getByText('Ask', { exact: true }).waitFor()
  await outcome.getByText('agents-enqueue permits it once a person has agreed.').waitFor()
  await outcome.getByRole('list', { name: 'Policies that decided' }).getByText('@ask("May {agent} run this job?")').waitFor()
  expect(await accessibility(page)).toEqual([])
  await picture(page, 'policy-simulator')

  await page.getByLabel('Action').selectOption('task.decide')
  await page.getByLabel('Resource').fill('Task::task_1')
  await page.getByRole('button', { name: 'Judge' }).click()
  await outcome.getByText('Deny', { exact: true }).waitFor()
  await outcome.getByText('Forbidden by host:agents-never-decide.').waitFor()

  await page.reload()
  expect(await page.getByLabel('Action').inputValue()).toBe('task.decide')
  expect(await page.getByLabel('Id', { exact: true }).inputValue()).toBe(house.agent.id)
  await page.getByLabel('Context').fill('{ nothing }')
  await page.getByRole('button', { name: 'Judge' }).click()
  await page.getByText(/This is no JSON/).waitFor()
  noFaults(surf)
})

test('P60 who may only read policies is told why they cannot save', async () => {
  const house = await houseWithPages()
  const operator = await house.operator.person()
  const surf = await browse(house.url, { as: operator })
  const { page } = surf
  await page.goto('/policies/editor')
  const save = page.getByRole('button', { name: 'Save as a new version' })
  await expect.poll(() => save.getAttribute('title')).toBe('The role operator does not write policies.')
  noFaults(surf)
})
