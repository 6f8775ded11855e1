// Every word of the dashboard goes through here, so that a language is one file (T164): languages/<tag>.json, from the English text of a message to its text in
// that language. The English text is the message's name; languages/en.json lists all of them and is written by `npm run generate`. What a language lacks is
// said in English. Messages are ICU MessageFormat. Never reads what agents or people wrote: that is content, and stays as it is.
import { IntlMessageFormat } from 'intl-messageformat'

export type Value = string | number | boolean | Date | null | undefined
export type Catalogue = Readonly<Record<string, string>>

let tag = 'en'
let catalogue: Catalogue = {}
let formats = new Map<string, IntlMessageFormat>()

/** Once, before any page is loaded: words of tables are read when their file is. */
export function speakLanguage(its: string, messages: Catalogue): void {
  tag = its
  catalogue = messages
  formats = new Map()
}

/** The message in the language of the page: `t('{count, plural, one {# task} other {# tasks}}', { count })`. */
export function t(message: string, values: Readonly<Record<string, Value>> = {}): string {
  const text = catalogue[message] ?? message
  return isPlain(text) ? text : String(fill(message, values))
}

/** Without a place to fill, a choice, a tag or a quote it is said as it stands. */
const isPlain = (text: string): boolean => !/[{<']/.test(text)

/** One string, or the pieces of a message that holds more than strings. */
export function fill(message: string, values: Readonly<Record<string, unknown>>): unknown {
  const text = catalogue[message] ?? message
  let format = formats.get(text)
  if (!format) {
    format = new IntlMessageFormat(text, tag)
    formats.set(text, format)
  }
  // Whatever is filled in comes back as it is, so any value will do; the library's type names those of its own formats.
  return format.format(values as Record<string, string>)
}

/** A sentence that comes from elsewhere and is known all the same, such as the title of a problem: in the language of the page, else as it came. */
export const known = (sentence: string): string => catalogue[sentence] ?? sentence
