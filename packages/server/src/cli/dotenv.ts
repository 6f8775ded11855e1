// Files of variables as programs read them: NAME=value, quotes, escapes in double ones, `export` in front, comments behind. Knows where each stands, so that one can be
// taken out of its file without touching another byte. Runs nothing and expands nothing: a value is what stands there.
export type Variable = { name: string; value: string; from: number; to: number }

const NAME = /(?:^|\n)[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*/y
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\', $: '$' }

/** In the order of the file; of two of one name the later counts, as it does for those who read them. */
export function readDotenv(text: string): Variable[] {
  const found: Variable[] = []
  let at = 0
  while (at < text.length) {
    NAME.lastIndex = at
    const head = NAME.exec(text)
    if (!head) {
      const next = text.indexOf('\n', at + 1)
      if (next < 0) break
      at = next
      continue
    }
    const from = text.startsWith('\n', head.index) ? head.index + 1 : head.index
    const { value, end } = readValue(text, NAME.lastIndex)
    found.push({ name: head[1] as string, value, from, to: end })
    at = end
  }
  return found
}

function readValue(text: string, start: number): { value: string; end: number } {
  const quote = text[start]
  if (quote === "'" || quote === '`') {
    const close = text.indexOf(quote, start + 1)
    if (close > 0) return { value: text.slice(start + 1, close), end: lineEnd(text, close + 1) }
  }
  if (quote === '"') {
    let value = ''
    for (let i = start + 1; i < text.length; i++) {
      const char = text[i] as string
      if (char === '"') return { value, end: lineEnd(text, i + 1) }
      const escaped = char === '\\' ? ESCAPES[text[i + 1] ?? ''] : undefined
      value += escaped ?? char
      if (escaped !== undefined) i++
    }
  }
  const end = lineEnd(text, start)
  const bare = text.slice(start, end).replace(/\r$/, '')
  return { value: bare.replace(/(?:^|[ \t]+)#.*$/, '').trim(), end }
}

const lineEnd = (text: string, from: number): number => {
  const end = text.indexOf('\n', from)
  return end < 0 ? text.length : end
}

/** The file without the values of these, each with a comment in its place that says where it is now. */
export function withoutValues(text: string, taken: readonly { variable: Variable; kept: string }[]): string {
  let rest = text
  for (const { variable, kept } of taken.toSorted((a, b) => b.variable.from - a.variable.from))
    rest = `${rest.slice(0, variable.from)}# ${variable.name} is kept by Countersign as ${kept}${rest.slice(variable.to)}`
  return rest
}
