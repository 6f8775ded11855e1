// Which cookies stay on our side (V45), byte for byte.
import { expect, test } from 'vitest'
import { takeCookies } from './cookies.ts'

test('V45 only the named cookies are taken out, the last of a name counts, and one that the site deletes is withheld and not kept', () => {
  const names = new Set(['auth', 'ct0', 'gone', 'old', 'empty'])
  const { fields, renewed } = takeCookies(
    [
      ['content-type', 'text/html'],
      ['Set-Cookie', 'auth=one; Path=/; HttpOnly'],
      ['set-cookie', 'AUTH=other; Path=/'],
      ['set-cookie', 'auth="two=2" ;Max-Age=60'],
      ['set-cookie', 'lang=en'],
      ['set-cookie', 'ct0=three; Expires=Wed, 21 Oct 2099 07:28:00 GMT'],
      ['set-cookie', 'gone=x; Max-Age=0'],
      ['set-cookie', 'old=x; expires=Thu, 01 Jan 1970 00:00:00 GMT'],
      ['set-cookie', 'empty='],
      ['set-cookie', 'auth'],
    ],
    names,
  )
  expect(fields).toEqual([
    ['content-type', 'text/html'],
    ['set-cookie', 'AUTH=other; Path=/'],
    ['set-cookie', 'lang=en'],
    ['set-cookie', 'auth'],
  ])
  expect(renewed).toEqual({ auth: '"two=2"', ct0: 'three' })
})
