// A real Chromium for the tests, with what any page must never do counted as a failure: errors, refused policies, requests elsewhere. One browser a file; each visitor is a
// profile of their own in it.
import { join } from 'node:path'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest'
import { type House, type Person, type SetupOptions, setup } from '#harness'
import { loadPages, type Pages } from '../../packages/server/src/http/static.ts'
import { root } from '../harness/process.ts'

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** The pictures of README and docs are taken by tests; they change only when asked. */
const PICTURES = process.env.COUNTERSIGN_TEST_PICTURES === '1'

// The build is plain JavaScript, so that the command can run it before anything is compiled.
const BUILD = new URL('../../scripts/build.mjs', import.meta.url).href
type Build = { buildIfStale(names: string[]): Promise<void> }

let browser: Browser | undefined

/** Called once at the top of a file: its tests can browse. */
export function useBrowser(): void {
  beforeAll(async () => {
    const started = chromium.launch({
      executablePath: process.env.COUNTERSIGN_TEST_BROWSER ?? '/usr/bin/chromium',
      args: FLAGS,
    })
    const { buildIfStale } = (await import(BUILD)) as Build
    await buildIfStale(['dashboard'])
    browser = await started
  })
  afterAll(() => browser?.close())
}

let pages: Pages | undefined

/** The built dashboard. The files never change, so that they are read and packed once. */
export function pagesBuilt(): Pages {
  pages ??= loadPages(join(root, 'packages/server/public'))
  return pages
}

/** The whole server with the built dashboard, on a database and a clock of its own. */
export const houseWithPages = (options: SetupOptions = {}): Promise<House> => setup({ ...options, pages: pagesBuilt() })

export type Surf = { context: BrowserContext; page: Page; faults: string[] }
export type SurfOptions = { width?: number; height?: number; dark?: boolean; as?: Person }

export async function browse(url: string, options: SurfOptions = {}): Promise<Surf> {
  if (!browser) throw new Error('Call useBrowser() at the top of the file.')
  const context = await browser.newContext({
    baseURL: url,
    viewport: { width: options.width ?? 1200, height: options.height ?? 800 },
    colorScheme: options.dark ? 'dark' : 'light',
    reducedMotion: 'reduce',
    locale: 'en-GB',
    timezoneId: 'UTC',
  })
  onTestFinished(() => context.close())
  if (options.as) {
    const [name = '', value = ''] = options.as.credential.cookie?.split('=') ?? []
    await context.addCookies([{ name, value, url, httpOnly: true, sameSite: 'Lax' }])
  }
  const faults: string[] = []
  context.on('page', (page) => watch(page, url, faults))
  return { context, page: await context.newPage(), faults }
}

function watch(page: Page, url: string, faults: string[]): void {
  page.setDefaultTimeout(10_000)
  page.on('pageerror', (error) => faults.push(`page error: ${error.message}`))
  page.on('console', (message) => {
    // A refused answer (401, 409, 422) is logged by the browser as an error; it is what the test is about.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      faults.push(`console: ${message.text()}`)
  })
  page.on('request', (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith('data:')) faults.push(`request elsewhere: ${request.url()}`)
  })
}

export const noFaults = (...surfs: Surf[]): void => expect(surfs.flatMap((surf) => surf.faults)).toEqual([])

/** What axe finds wrong, by rule. */
export async function accessibility(page: Page): Promise<string[]> {
  const { default: axe } = await import('axe-core')
  // The page's policy refuses injected script elements, so the checker comes in through the debugger.
  await page.evaluate(axe.source)
  return page.evaluate(async () => {
    type Found = { violations: { id: string; nodes: { html: string }[] }[] }
    const { axe } = window as unknown as { axe: { run: (options: object) => Promise<Found> } }
    const { violations } = await axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] })
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 160)).join(' | ')}`)
  })
}

/** By how many pixels the page is wider than its window. */
export const overflow = (page: Page): Promise<number> =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)

/** Of a page, or of a part of one. */
export async function picture(of: { screenshot(options: { path: string }): Promise<unknown> }, name: string): Promise<void> {
  if (PICTURES) await of.screenshot({ path: join(root, `docs/images/${name}.png`) })
}
