// The languages that there are besides English, by their files: one is added by putting its file there.
import type { Catalogue } from './t.ts'

type Load = () => Promise<{ default: Catalogue }>

const files = import.meta.glob<{ default: Catalogue }>(['./languages/*.json', '!./languages/en.json'])

export const languages: ReadonlyMap<string, Load> = new Map(
  Object.entries(files).map(([file, load]) => [file.slice('./languages/'.length, -'.json'.length), load]),
)
