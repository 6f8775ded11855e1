// A real Chromium for the tests, with what any page must never do counted as a failure: errors, refused policies, requests elsewhere.
import { type BrowserContext, chromium, type Page } from 'playwright-core'
import { expect, onTestFinished } from 'vitest'

const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']

export type Surf = { context: BrowserContext; page: Page; faults: string[] }

export async function browse(url: string, options: { width?: number; height?: number; dark?: boolean } = {}): Promise<Surf> {
  const browser = await chromium.launch({ executablePath: process.env.COUNTERSIGN_TEST_BROWSER ?? '/usr/bin/chromium', args: FLAGS })
  onTestFinished(() => browser.close())
  const context = await browser.newContext({
    baseURL: url,
    viewport: { width: options.width ?? 1200, height: options.height ?? 800 },
    colorScheme: options.dark ? 'dark' : 'light',
    locale: 'en-GB',
    timezoneId: 'UTC',
  })
  const faults: string[] = []
  const page = await context.newPage()
  page.on('pageerror', (error) => faults.push(`page error: ${error.message}`))
  page.on('console', (message) => {
    // A refused answer (401, 409, 422) is logged by the browser as an error; it is what the test is about.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) faults.push(`console: ${message.text()}`)
  })
  page.on('request', (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith('data:')) faults.push(`request elsewhere: ${request.url()}`)
  })
  return { context, page, faults }
}

export const noFaults = (surf: Surf): void => expect(surf.faults).toEqual([])

/** What axe finds wrong, by rule. */
export async function accessibility(page: Page): Promise<string[]> {
  const { default: axe } = await import('axe-core')
  // The page's policy refuses injected script elements, so the checker comes in through the debugger.
  await page.evaluate(axe.source)
  return page.evaluate(async () => {
    const { axe } = window as unknown as { axe: { run: (options: object) => Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> } }
    const { violations } = await axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] })
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 120)).join(' | ')}`)
  })
}
