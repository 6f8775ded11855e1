// Messages: filled, counted, with elements in them, and in another language.
import { renderToStaticMarkup } from 'react-dom/server'
import { afterEach, expect, test } from 'vitest'
import { rich } from './rich.tsx'
import { speakLanguage, t } from './t.ts'

afterEach(() => speakLanguage('en', {}))

test('T164 a message is its own English text, with places and counts filled', () => {
  expect(t('Held by you')).toBe('Held by you')
  expect(t('asked {when}', { when: '3 min ago' })).toBe('asked 3 min ago')
  expect(['0', '1', '2'].map((n) => t('{count, plural, one {# task} other {# tasks}}', { count: Number(n) }))).toEqual([
    '0 tasks',
    '1 task',
    '2 tasks',
  ])
})

test('T164 a language is one file: what it has is said in it, what it lacks in English', () => {
  speakLanguage('de', { 'Held by you': 'Von dir gehalten', '{n} of {all}': '{n} von {all}' })
  expect(t('Held by you')).toBe('Von dir gehalten')
  expect(t('{n} of {all}', { n: 1, all: 2 })).toBe('1 von 2')
  expect(t('Nobody has it')).toBe('Nobody has it')
})

test('T164 elements stand inside a message, and what fills a place is never read as markup', () => {
  const message = 'Read <docs>the {what}</docs> first, {name}.'
  const values = { docs: (words: unknown) => <a href="/docs">{words as string}</a>, what: '<b>', name: <i>Ada</i> }
  expect(renderToStaticMarkup(<p>{rich(message, values)}</p>)).toBe(
    '<p>Read <a href="/docs">the &lt;b&gt;</a> first, <i>Ada</i>.</p>',
  )
})
