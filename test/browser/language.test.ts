// The dashboard in another language: one in which every message stands in brackets, so that a word outside of them is one that no language file could reach (T164).
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type House, type Person, setup } from '#harness'
import { loadPages } from '../../packages/server/src/http/static.ts'
import { root } from '../harness/process.ts'
import { browse, noFaults, type Surf, useBrowser } from './browser.ts'

useBrowser()

let folder = ''

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'countersign-language-'))
  await new Promise<void>((resolve, reject) => {
    const child = spawn(process.execPath, [join(root, 'test/browser/pseudo.mjs'), folder], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    child.on('error', reject)
    child.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`the build ended with ${code}`))))
  })
}, 300_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const speaking = (): Promise<House> => setup({ pages: loadPages(join(folder, 'public')) })

async function browsing(house: House, as?: Person): Promise<Surf> {
  const surf = await browse(house.url, as ? { as } : {})
  await surf.context.addInitScript(() => Object.defineProperty(navigator, 'languages', { get: () => ['eo-XX', 'en'] }))
  return surf
}

/** What is content wherever it stands: names that this test or the installation gave, ids, dates, addresses, names of events and of members, units. */
const CONTENT =
  /Countersign|Alice|Bob|Main|refund-bot(?: key)?|Refund order 1042\?|\p{L}+_[0-9A-Z]{26}|\S+@\S+|https?:\S+|\d+ \p{L}+ \d{4}|[a-z]+(?:[._:][a-z*_]+)+|\b(?:ms|s|min|h|kB|MB|UTC)\b/gu

/** Words that one sees or hears and that stand in no message. */
async function strange(page: Page): Promise<string[]> {
  const said = await page.evaluate(() => {
    const CONTENT = '[data-content], code, pre, kbd, time, textarea, style, script, noscript, .font-mono'
    const NAMES = ['aria-label', 'aria-description', 'aria-valuetext', 'title', 'placeholder', 'alt']
    const texts: string[] = []
    const body = document.body
    const walker = document.createTreeWalker(body, NodeFilter.SHOW_TEXT)
    // A message may be several nodes, with content between: what stands inside of brackets is counted over all of them.
    let open = 0
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      let outside = ''
      for (const character of node.textContent ?? '') {
        if (character === '⟦') open++
        else if (character === '⟧') open--
        else if (open === 0) outside += character
      }
      if (!node.parentElement?.closest(CONTENT)) texts.push(outside)
    }
    if (open !== 0) texts.push(`brackets that do not close: ${open}`)
    for (const element of body.querySelectorAll('*')) {
      if (element.matches(CONTENT) || element.closest('[data-content]') || element.querySelector(':scope > [data-content]'))
        continue
      for (const name of NAMES) {
        let text = element.getAttribute(name) ?? ''
        for (let before: string | null = null; before !== text; ) [before, text] = [text, text.replace(/⟦[^⟦⟧]*⟧/g, '')]
        texts.push(text)
      }
    }
    return [...texts, document.title.replace(/⟦.*⟧/, '')]
  })
  return [...new Set(said.map((text) => text.replace(CONTENT, '').trim()).filter((text) => /\p{L}{2}/u.test(text)))]
}

/** What was asked for has come, and nothing more comes. */
async function settled(page: Page): Promise<void> {
  await page.locator('#root *').first().waitFor()
  let before: string | null = null
  await expect
    .poll(async () => {
      const now = await page.locator('body').textContent()
      const still = now === before && !now?.includes('⟦Loading…⟧')
      before = now
      return still
    })
    .toBe(true)
}

const PLACES = [
  ...['/inbox', '/inbox?view=done', '/analytics', '/agents', '/people', '/profile', '/nowhere'],
  ...['/queue', '/jobs', '/queues', '/kinds', '/schedules', '/dead-letters', '/callbacks', '/engine'],
  ...['/policies', '/policies/editor', '/policies/versions', '/policies/versions/1', '/policies/simulator'],
  ...['/forms', '/forms?edit=new', '/verifiers', '/webhooks', '/webhooks?new=endpoint', '/audit'],
  ...['/routing', '/routing/people', '/channels', '/channels/endpoints', '/channels/slack', '/channels/mail', '/channels/embeds'],
  ...['/settings', '/settings/tasks', '/tenants', '/installation', '/keyring'],
  ...['/connections', '/providers', '/grants', '/grants/new', '/traffic'],
  ...['/threads', '/undelivered', '/relay-grants', '/connection-requests', '/cards', '/cards/new', '/cards/import', '/listing'],
]

test('T164 a language is one file: in another one no word of the pages stands outside of a message', {
  timeout: 600_000,
}, async () => {
  const house = await speaking()
  await house.admin.run`insert into hosts (user_id, since) values (${house.alice.id}::text, countersign.now())`
  const asked = await house.given.task({
    task: 'Refund order 1042?',
    payload: { order: 1042 },
    response_schema: {
      type: 'object',
      properties: { approve: { type: 'boolean' }, note: { type: 'string', maxLength: 50 } },
      required: ['approve'],
    },
  })
  const act = await house.given.task({
    task: 'Refund order 1042?',
    action: { name: 'refund', args: { amount: 240 }, allow: ['accept', 'edit', 'respond', 'deny'] },
  })
  const surf = await browsing(house, house.alice)
  const { page } = surf
  const found: Record<string, string[]> = {}
  for (const place of [...PLACES, `/tasks/${asked.id}`, `/tasks/${asked.id}/record`, `/tasks/${act.id}`]) {
    await page.goto(place)
    await settled(page)
    expect(await page.evaluate(() => document.documentElement.lang)).toBe('eo')
    const words = await strange(page)
    if (words.length > 0) found[place.replace(/task_\w+/, ':id')] = words
  }
  expect(found).toEqual({})
  noFaults(surf)
})

test('T164 sign-in speaks the language too, and what it has no message for is said in English', async () => {
  const house = await speaking()
  const surf = await browsing(house)
  const { page } = surf
  await page.goto('/login')
  await settled(page)
  expect(await strange(page)).toEqual([])
  await page.getByRole('button', { name: '⟦Sign in⟧' }).waitFor()
  noFaults(surf)
})
