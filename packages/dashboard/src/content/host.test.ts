import { expect, test } from 'vitest'
import { targetOf } from './host.ts'

test('T86 a link tells where it really leads, and what about that could deceive', () => {
  expect(targetOf('https://example.com/a', 'The bill')).toEqual({
    href: 'https://example.com/a',
    host: 'example.com',
    warning: null,
  })
  expect(targetOf('https://bank.example@evil.example/', 'x')).toMatchObject({
    host: 'evil.example',
    warning: expect.stringMatching(/name in front/),
  })
  expect(targetOf('https://аpple.example/', 'x')).toMatchObject({
    host: 'xn--pple-43d.example',
    warning: expect.stringMatching(/look like others/),
  })
  expect(targetOf('https://evil.example/', 'https://bank.example/login')?.warning).toBe('Its text names bank.example')
  expect(targetOf('https://evil.example/', 'bank.example')?.warning).toBe('Its text names bank.example')
  expect(targetOf('https://www.bank.example/', 'bank.example')?.warning).toBeNull()
  expect(targetOf('http://example.com/', 'x')?.warning).toBe('It is not encrypted')
  expect(targetOf('mailto:ann@example.com')).toMatchObject({ host: 'ann@example.com', warning: null })
  for (const address of ['javascript:alert(1)', 'data:text/html,x', 'file:///etc/passwd', '/inbox', 'ftp://a.example', ''])
    expect(targetOf(address), address).toBeNull()
})
