// The files of languages: English lists every message, each message can be filled, and another language changes no place.
import { readdirSync, readFileSync } from 'node:fs'
import { CLIENT_PROBLEMS, PROBLEMS } from '@countersign/sdk'
import { IntlMessageFormat } from 'intl-messageformat'
import { expect, test } from 'vitest'

const FOLDER = new URL('./languages/', import.meta.url)
const read = (name: string): Record<string, string> => JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8'))
const english = read('en.json')
/** Said as they are, for nothing is filled in: `known()`. */
const KNOWN = new Set<string>(Object.values({ ...PROBLEMS, ...CLIENT_PROBLEMS }).flatMap(({ title, advice }) => [title, advice]))

type Part = { type: number; value?: string; children?: Part[]; options?: Record<string, { value: Part[] }> }
/** Plain text, and the # of a plural. */
const NO_PLACE = [0, 7]

const placesOf = (parts: readonly Part[]): string[] =>
  parts.flatMap((part) => [
    ...(NO_PLACE.includes(part.type) ? [] : [String(part.value)]),
    ...placesOf(part.children ?? []),
    ...Object.values(part.options ?? {}).flatMap(({ value }) => placesOf(value)),
  ])
const placesIn = (message: string): string[] =>
  [...new Set(placesOf(new IntlMessageFormat(message, 'en').getAst() as Part[]))].sort()

test('T164 English names every message by itself, and every message can be read', () => {
  const names = Object.keys(english)
  expect(names.length).toBeGreaterThan(2_000)
  expect(Object.values(english)).toEqual(names)
  for (const name of names.filter((one) => !KNOWN.has(one))) expect(() => placesIn(name), name).not.toThrow()
})

test('T164 a language has messages of English only, with the places of English', { timeout: 120_000 }, () => {
  for (const name of readdirSync(FOLDER))
    for (const [message, text] of Object.entries(read(name))) {
      expect(english, `${name}: no message of the pages`).toHaveProperty([message])
      if (!KNOWN.has(message)) expect(placesIn(text), `${name}: ${message}`).toEqual(placesIn(message))
    }
})
