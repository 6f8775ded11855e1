// URLs are read the same at the first call and at the millionth.
import { expect, test } from 'vitest'
import { parseUrl } from './url.ts'

test('P96 a name with letters beyond ASCII is a URL, however many others were read before: what is compiled by then reads no less', () => {
  const hosts = () => ['https://bücher.example.com/', 'https://łąka.example.com/'].map((text) => parseUrl(text)?.hostname)
  const wanted = ['xn--bcher-kva.example.com', 'xn--ka-ola7v.example.com']
  const first = hosts()
  for (let i = 0; i < 200_000; i++) parseUrl(`https://hooks.example.com/${i % 10}`)
  expect([first, hosts()]).toEqual([wanted, wanted])
})
