// Which cookies of an answer are a session's own (V45), and which of them are news: what the site sends as it was is withheld, and nobody is told.
import { cookieFields } from '../../vault/providers/cookies.ts'
import type { Definition, Material } from '../../vault/providers/definition.ts'
import type { Send } from '../gatekeeper.ts'

export function captureOf(
  definition: Definition,
  material: Material,
  keep: (renewed: Readonly<Record<string, string>>) => void,
): Pick<Send, 'capture'> {
  const names = definition.capture?.cookies
  if (!names) return {}
  const fields = cookieFields(definition)
  return {
    capture: {
      names: new Set(names),
      keep(renewed) {
        const news = Object.entries(renewed).filter(([name, value]) => {
          const field = fields.get(name)
          return field !== undefined && material[field] !== value
        })
        if (news.length > 0) keep(Object.fromEntries(news))
      },
    },
  }
}
