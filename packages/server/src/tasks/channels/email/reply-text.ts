// What a person wrote anew in a reply: the quoted mail, the line that introduces it and the signature are left out. Guesses kindly and never adds a word; where
// everything looks quoted, there is nothing.
const MOST = 10_000

const INTRODUCTIONS = [
  /^On\b.{0,300}\bwrote:\s*$/s,
  /^Am\b.{0,300}\bschrieb\b.{0,200}:\s*$/s,
  /^Le\b.{0,300}\ba écrit\s*:\s*$/s,
  /^El\b.{0,300}\bescribió:\s*$/s,
  /^-{2,}\s*(Original Message|Ursprüngliche Nachricht|Forwarded message)\s*-{2,}/i,
  /^_{10,}\s*$/,
  /^(From|Von|De):\s.+@.+/,
  /^>/,
]
const SIGNATURES = [/^-- ?$/, /^Sent from my \w+/, /^Get Outlook for /]

export function newText(text: string): string {
  const lines = text.replace(/\r\n?/g, '\n').split('\n')
  const end = lines.findIndex((_, i) => isQuoteAt(lines, i) || SIGNATURES.some((pattern) => pattern.test(lines[i] as string)))
  return (end < 0 ? lines : lines.slice(0, end)).join('\n').trim().slice(0, MOST)
}

/** Programs break the line "On … wrote:" wherever it gets too long: it is looked for over three. */
const isQuoteAt = (lines: readonly string[], at: number): boolean =>
  [1, 2, 3].some((count) => {
    const text = lines
      .slice(at, at + count)
      .join(' ')
      .trim()
    return INTRODUCTIONS.some((pattern) => pattern.test(text))
  })

/** The first line that says anything, as it is compared with the labels of buttons. */
export const firstLine = (text: string): string => folded(text.split('\n').find((line) => line.trim() !== '') ?? '')
export const folded = (text: string): string =>
  text
    .normalize('NFKC')
    .replace(/^[\s"'“”„]+|[\s"'“”.!,;:]+$/g, '')
    .toLowerCase()

/** For mails that bring HTML alone: their words, line by line. */
export const wordsOf = (html: string): string =>
  html
    .replace(/<(style|script|head)\b[\s\S]*?<\/\1>/gi, '')
    .replace(/<blockquote\b[\s\S]*$/i, '')
    .replace(/<(br|\/p|\/div|\/li|\/tr)\b[^>]*>/gi, '\n')
    .replace(/<[^>]*>/g, '')
    .replace(/&nbsp;/g, ' ')
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&quot;/g, '"')
    .replace(/&#39;/g, "'")
    .replace(/&amp;/g, '&')
