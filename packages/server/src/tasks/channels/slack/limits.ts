// What Slack takes (T116), as numbers and pure functions: whatever does not fit is cut before it is sent, with the count of what is missing.

export const LIMITS = {
  messageBlocks: 50,
  modalBlocks: 100,
  text: 3_000,
  header: 150,
  option: 75,
  optionValue: 150,
  few: 10,
  options: 100,
  modalTitle: 24,
  button: 75,
  buttonValue: 2_000,
  label: 2_000,
  hint: 2_000,
  placeholder: 150,
  input: 3_000,
  metadata: 3_000,
  blockId: 255,
  fallback: 40_000,
} as const

/** UTF-16 never splits a character in two. */
const upTo = (text: string, length: number): string => {
  const end = /[\ud800-\udbff]/.test(text.charAt(length - 1)) ? length - 1 : length
  return text.slice(0, end)
}

// What turns the direction of writing, and what no line of text has: shown as in mails, so that nothing reads as what it is not.
const HIDDEN = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]|(?![\n\t])\p{Cc}/gu
const shown = (text: string): string =>
  text.replace(HIDDEN, (one) => `[U+${(one.codePointAt(0) as number).toString(16).toUpperCase().padStart(4, '0')}]`)

/** At most so long, with how many characters are missing at its end. */
export function cut(whole: string, max: number): string {
  const text = shown(whole)
  if (text.length <= max) return text
  // The count grows by a digit when more is cut for it: two rounds settle that.
  let tail = ''
  for (let round = 0; round < 2; round++) tail = ` … (${text.length - Math.max(0, max - tail.length)} more characters)`
  return `${upTo(text, Math.max(0, max - tail.length))}${tail}`
}

/** At most so long, for names where a count would only be in the way. */
export function clip(whole: string, max: number): string {
  const text = shown(whole)
  return text.length <= max ? text : `${upTo(text, max - 1)}…`
}

/** The first so many, with one more in the place of the rest. */
export function atMost<T>(items: readonly T[], max: number, rest: (count: number) => T): T[] {
  if (items.length <= max) return [...items]
  return [...items.slice(0, max - 1), rest(items.length - max + 1)]
}

/** As text of Slack's own markup: nothing in it can mention, link or format. */
export const plainMarkup = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
