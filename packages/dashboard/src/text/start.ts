// Which language the page speaks: the first that the browser wants and a file is there for; English is the text itself and needs none.
import { type Catalogue, speakLanguage } from './t.ts'

const files = import.meta.glob<{ default: Catalogue }>('./languages/*.json')

export async function startLanguage(wanted: readonly string[] = navigator.languages): Promise<void> {
  const there = new Map(Object.entries(files).map(([file, load]) => [file.slice('./languages/'.length, -'.json'.length), load]))
  there.delete('en')
  for (const tag of wanted) {
    const base = tag.split('-')[0] as string
    if (base === 'en') break
    const found = there.has(tag) ? tag : there.has(base) ? base : null
    if (found === null) continue
    speakLanguage(found, (await (there.get(found) as () => Promise<{ default: Catalogue }>)()).default)
    break
  }
}
