// The person of the demo, in a real browser: sets the installation up, types the key in where it belongs, and answers what the agent wants to do.
import { type Browser, chromium, type Page } from 'playwright-core'

const PASSWORD = 'marble-otter-sings-7-hymns'
const PATIENCE_MS = 60_000

export type Person = {
  /** A call of the API with the session of the browser. Throws what was refused. */
  api<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<T>
  /** Types the key into the page behind a connect link. */
  connect(url: string, key: string): Promise<void>
  /** Reads the question that waits in the inbox, and approves it. Answers its id. */
  approve(): Promise<string>
  close(): Promise<void>
}

export async function openPerson(executablePath: string, setupUrl: string): Promise<Person> {
  const browser: Browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] })
  const page = await (await browser.newContext({ viewport: { width: 1200, height: 800 } })).newPage()
  page.setDefaultTimeout(PATIENCE_MS)
  await setUp(page, setupUrl)
  const { origin } = new URL(setupUrl)
  return {
    async api<T>(method: string, path: string, body?: unknown): Promise<T> {
      const { ok, answer } = await page.evaluate(
        async ([method, path, body]) => {
          const response = await fetch(`/api/v1${path}`, {
            method: method as string,
            ...(body === null ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
          })
          const text = await response.text()
          return { ok: response.ok, answer: text === '' ? null : JSON.parse(text) }
        },
        [method, path, body ?? null] as const,
      )
      if (!ok) throw new Error(`${method} ${path} was refused: ${JSON.stringify(answer)}`)
      return answer as T
    },
    async connect(url, key) {
      await page.goto(url)
      await page.getByLabel('API key').fill(key)
      await page.getByRole('button', { name: 'Store', exact: true }).click()
      await page.getByRole('heading', { name: /is connected/ }).waitFor()
      await page.goto(origin)
    },
    async approve() {
      await page.goto(`${origin}/inbox?view=all&origin=proxy`)
      await page.locator('a[data-task]').first().click()
      await page.getByRole('button', { name: 'Accept', exact: true }).click()
      await page.getByLabel(/^Reason/).fill('Order 1042 is lost, the refund is right.')
      await page.keyboard.press('Enter')
      await page
        .getByText(/settled it\./)
        .first()
        .waitFor()
      return new URL(page.url()).pathname.split('/').at(-1) as string
    },
    close: () => browser.close(),
  }
}

async function setUp(page: Page, url: string): Promise<void> {
  await page.goto(url)
  await page.getByLabel('Your name').fill('Olga Operator')
  await page.getByLabel('E-mail').fill('olga@example.com')
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD)
  await page.getByLabel('Password again').fill(PASSWORD)
  await page.getByRole('button', { name: 'Create operator' }).click()
  await page.getByRole('heading', { name: 'Nothing waits for you' }).waitFor()
  await page.evaluate(
    (password) =>
      fetch('/api/v1/auth/step-up', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ password }),
      }),
    PASSWORD,
  )
}
