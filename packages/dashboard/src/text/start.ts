// Which language the page speaks: the first that the browser wants and a file is there for; English is the text itself and needs none. Called once by each page's
// entry, before anything that has words is imported. A language that does not come through never keeps the page away: it is in English then.
import { languages } from './languages.ts'
import { type Catalogue, speakLanguage } from './t.ts'

export async function startLanguage(
  wanted: readonly string[] = navigator.languages,
  there: typeof languages = languages,
  page: { documentElement: { lang: string } } = document,
): Promise<void> {
  const tag = chosen(wanted, there)
  const messages = tag === null ? null : await read(tag, there)
  if (tag === null || messages === null) return
  speakLanguage(tag, messages)
  page.documentElement.lang = tag
}

function chosen(wanted: readonly string[], there: typeof languages): string | null {
  for (const tag of wanted) {
    const [base = tag] = tag.split('-')
    if (base === 'en') return null
    const found = [tag, base].find((one) => there.has(one))
    if (found !== undefined) return found
  }
  return null
}

const read = async (tag: string, there: typeof languages): Promise<Catalogue | null> =>
  (
    await there
      .get(tag)?.()
      .catch(() => null)
  )?.default ?? null
