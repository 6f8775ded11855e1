// The language of a page: what the browser wants first among what there is, and English where that does not come.
import { afterEach, expect, test } from 'vitest'
import { startLanguage } from './start.ts'
import { speakLanguage, t } from './t.ts'

afterEach(() => speakLanguage('en', {}))

const file = (said: string) => async () => ({ default: { Inbox: said } })
const THERE = new Map([
  ['de', file('Eingang')],
  ['pt-BR', file('Caixa')],
  ['xx', () => Promise.reject(new TypeError('Failed to fetch dynamically imported module'))],
])

async function started(wanted: string[]): Promise<[string, string]> {
  const page = { documentElement: { lang: 'en' } }
  await startLanguage(wanted, THERE, page)
  return [page.documentElement.lang, t('Inbox')]
}

test('T164 the page speaks the first wanted language that it has a file of, with or without its region', async () => {
  expect(await started(['fr', 'de-AT', 'en'])).toEqual(['de', 'Eingang'])
  expect(await started(['pt-BR'])).toEqual(['pt-BR', 'Caixa'])
})

test('T164 English, a language without a file, and a file that does not come through are English', async () => {
  expect(await started(['en-GB', 'de'])).toEqual(['en', 'Inbox'])
  expect(await started(['fr', 'pt'])).toEqual(['en', 'Inbox'])
  expect(await started(['xx', 'de'])).toEqual(['en', 'Inbox'])
})
