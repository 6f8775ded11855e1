// Characters that one cannot see, made visible: they are how one text is made to look like another. Nothing else of a text is changed.

// Other controls than tab and newline, the soft hyphen, joiners and fillers, bidirectional controls, line separators, the byte order mark, annotations, tags.
const HIDDEN =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e007f}]|\u034f/gu

export type Part = { text: string; mark: string | null }

/** The text in pieces, each with the name of the hidden character that follows it, if one does. */
export function partsOf(text: string): Part[] {
  const marks = text.match(HIDDEN) ?? []
  return text.split(HIDDEN).map((part, i) => ({ text: part, mark: marks[i] === undefined ? null : nameOf(marks[i]) }))
}

/** The same as plain text, where nothing but text can stand: titles of windows, options, names of controls. */
export const visible = (text: string): string =>
  partsOf(text)
    .map((part) => part.text + (part.mark === null ? '' : `[${part.mark}]`))
    .join('')

const nameOf = (character: string): string => `U+${character.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')}`
