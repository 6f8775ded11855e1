// Which language the page speaks: the first that the browser wants and a file is there for; English is the text itself and needs none. Called once by each page's
// entry, before anything that has words is imported. A language that does not come through never keeps the page away: it is in English then.
import { languages } from './languages.ts'
import { type Catalogue, speakLanguage } from './t.ts'

export async function startLanguage(wanted: readonly string[] = navigator.languages): Promise<void> {
  const tag = chosen(wanted)
  if (tag === null) return
  const messages = await read(tag)
  if (messages === null) return
  speakLanguage(tag, messages)
  document.documentElement.lang = tag
}

function chosen(wanted: readonly string[]): string | null {
  for (const tag of wanted) {
    const [base = tag] = tag.split('-')
    if (base === 'en') return null
    const found = [tag, base].find((one) => languages.has(one))
    if (found !== undefined) return found
  }
  return null
}

const read = async (tag: string): Promise<Catalogue | null> =>
  (
    await languages
      .get(tag)?.()
      .catch(() => null)
  )?.default ?? null
