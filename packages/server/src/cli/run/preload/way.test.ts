// Which hosts a Node program of a run reaches without the proxy, and what it shows to it (V127, V128).
import { expect, test } from 'vitest'
import { readWay } from './way.ts'

const https_proxy = 'http://run:cs_live_prx_abc@127.0.0.1:7980'

test('V128 the way is read from the proxy variables; none, or one behind TLS, is no way', () => {
  const authorization = `Basic ${Buffer.from('run:cs_live_prx_abc').toString('base64')}`
  expect(readWay({ https_proxy })).toMatchObject({ host: '127.0.0.1', port: 7980, authorization })
  expect(readWay({ HTTPS_PROXY: https_proxy })).toMatchObject({ port: 7980 })
  expect(readWay({ https_proxy: 'http://run:x@[::1]:81' })).toMatchObject({ host: '::1', port: 81 })
  for (const env of [{}, { https_proxy: '' }, { https_proxy: 'no url' }, { https_proxy: 'https://run:x@proxy.example.com' }])
    expect(readWay(env)).toBeNull()
})

test.each([
  ['127.0.0.1', true],
  ['localhost', true],
  ['[::1]', true],
  ['::1', true],
  ['LOCALHOST', true],
  ['db', true],
  ['a.intern.example.com', true],
  ['b.example.org', true],
  ['intern.example.com', false],
  ['notlocalhost', false],
  ['xdb', false],
  ['127.0.0.10', false],
  ['api.example.com', false],
])('V127 with exceptions for this machine, db, .intern.example.com and *.example.org, %s goes straight: %s', (host, isDirect) => {
  const way = readWay({ https_proxy, NO_PROXY: '127.0.0.1,localhost,::1, db,.intern.example.com *.example.org' })
  expect(way?.isDirect(host)).toBe(isDirect)
})
