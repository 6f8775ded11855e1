import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import {
  type CallbackKey,
  callbackUrl,
  checkKeys,
  keyedHash,
  matchSignatures,
  type Signed,
  signAwa,
  signCallback,
  verifyAwa,
  verifySignature,
} from './signature.ts'

const K1: CallbackKey = { id: 'k1', secret: new Uint8Array(32).fill(7) }
const K2: CallbackKey = { id: 'k2', secret: new Uint8Array(32).fill(8) }
const T = 1_767_225_600
const AT = new Date(T * 1000)
const at = (seconds: number) => new Date((T + seconds) * 1000)
const OK = '{"payload":{"ok":true}}'
const SIGNED: Signed = { action: 'complete', subject: 'abc', body: OK }

test('Q128 the keyed hash is BLAKE3: it reproduces every published keyed-hash vector', () => {
  const { key, cases } = JSON.parse(readFileSync(new URL('../test/vectors/blake3-keyed.json', import.meta.url), 'utf8')) as {
    key: string
    cases: { input_len: number; keyed_hash: string }[]
  }
  expect(cases).toHaveLength(22)
  for (const { input_len, keyed_hash } of cases) {
    // As the authors of BLAKE3 say it: bytes 0 to 250, again and again.
    const input = Uint8Array.from({ length: input_len }, (_, i) => i % 251)
    expect(keyedHash(new TextEncoder().encode(key), input), String(input_len)).toBe(keyed_hash)
  }
})

test('Q128 A11 version 1 signs the id as it stands in the URL, and nothing else', () => {
  const uuid = '00000000-0000-0000-0000-000000000001'
  expect(signAwa(K1.secret, 'abc')).toBe('b1495225f01fa8cd09e410d288d09b68c1cc9fb2414686c0d3ac13fc905497d9')
  expect(signAwa(K1.secret, uuid)).toBe('2a3dc1a963bb2eeda1901ce0d2aea35ec91e91c2f23f5b38ae034675774d4c80')
  const signature = signAwa(K1.secret, uuid)
  expect(verifyAwa(signature, [K2.secret, K1.secret], uuid)).toBe(true)
  expect(verifyAwa(signature, [K2.secret], uuid)).toBe(false)
  expect(verifyAwa(signature, [K1.secret], uuid.toUpperCase().replace('1', '2'))).toBe(false)
  expect(verifyAwa(signature.toUpperCase(), [K1.secret], uuid)).toBe(false)
  expect(verifyAwa(signature.slice(1), [K1.secret], uuid)).toBe(false)
  expect(verifyAwa(`${signature}, ${signature}`, [K1.secret], uuid)).toBe(false)
  expect(() => signAwa(new Uint8Array(31), uuid)).toThrow('32 bytes')
})

test.each([
  ['complete', OK, K1, '3cfdf3f75197db0ff4d01745defb9fdf40830dd4a0ad328a260d5477f1205b4f'],
  ['fail', '{"error":"no funds"}', K1, '2b40096e0aa1b0268eb9e57165ddf477d39b417aeddea87f911f8a98c04e07be'],
  ['heartbeat', '', K1, '555f07b6a2fab8b326ec61a466001d69d2f44435a34b5074533745b02fc7f8c8'],
  ['complete', OK, K2, '30305f003a7108e3a38d98074434f336dbf30294a8f918065a53eb0d649dfd48'],
] as const)('Q129 A11 version 2 signs %s of %s as the vectors say', async (action, body, key, sig) => {
  expect(await signCallback(key, { action, subject: 'abc', body }, AT)).toBe(`v2;kid=${key.id};t=${T};sig=${sig}`)
})

test('Q129 Q130 A11 a signature stands for one action, subject, body, key and time', async () => {
  const header = await signCallback(K1, SIGNED, AT)
  const fits = async (changed: Partial<Signed>, text = header, keys = [K1, K2]) =>
    (await matchSignatures(text, keys, { ...SIGNED, ...changed })).length > 0
  expect(await fits({})).toBe(true)
  expect(await fits({ body: new TextEncoder().encode(OK) })).toBe(true)
  expect(await fits({ action: 'fail' })).toBe(false)
  expect(await fits({ subject: 'abd' })).toBe(false)
  expect(await fits({ body: `${OK} ` })).toBe(false)
  expect(await fits({}, header, [K2])).toBe(false)
  expect(await fits({}, header.replace('kid=k1', 'kid=k2'))).toBe(false)
  expect(await fits({}, header.replace(`t=${T}`, `t=${T + 1}`))).toBe(false)
  expect(await fits({}, header, [{ ...K1, secret: new Uint8Array(32).fill(9) }])).toBe(false)
})

test('Q130 a header of another shape fits nothing: 5 values, doubled fields or values, spaces, upper case, more than 1 KiB', async () => {
  const header = await signCallback(K1, SIGNED, AT)
  const other = await signCallback(K2, SIGNED, AT)
  const strange = [1, 2, 3].map((n) => header.replace('kid=k1', `kid=x${n}`))
  const matches = async (text: string) => (await matchSignatures(text, [K1, K2], SIGNED)).map(({ key }) => key.id)
  expect(await matches(`${strange.join(',')},${header}`)).toEqual(['k1'])
  expect(await matches(`${other},${header}`)).toEqual(['k2', 'k1'])
  for (const text of [
    '',
    `${strange.join(',')},${other},${header}`,
    `${header},${header}`,
    `${header}, ${other}`,
    `${header},`,
    header.slice(0, -1),
    `${header}0`,
    header.replace(/sig=(.*)/, (_, sig: string) => `sig=${sig.toUpperCase()}`),
    header.replace(/sig=./, 'sig=x'),
    header.replace('v2;', 'v3;'),
    header.replace('v2;', ''),
    header.replace(';t=', ';t=0'),
    header.replace('kid=k1', 'kid=k1;kid=k1'),
    `${header};kid=k1`,
    header.replace('kid=k1', `kid=${'k'.repeat(33)}`),
    `${header},${'x'.repeat(1_024)}`,
  ])
    expect(await matches(text), text.slice(0, 150)).toEqual([])
})

test('Q130 Q132 who verifies a dispatch tolerates 300 s both ways, and a key until its notAfter', async () => {
  const signed: Signed = { action: 'dispatch', subject: 'job_1', body: '{}' }
  const old = { ...K1, notAfter: at(60) }
  const header = await signCallback(old, signed, AT)
  const verify = (now: Date, keys = [K2, K1]) => verifySignature(header, keys, signed, now)
  expect((await verify(at(300))).key.id).toBe('k1')
  expect((await verify(at(-300))).t).toBe(T)
  await expect(verify(at(301))).rejects.toMatchObject({ code: 'signature_expired' })
  await expect(verify(at(-301))).rejects.toMatchObject({ code: 'signature_expired' })
  await expect(verify(AT, [K2])).rejects.toMatchObject({ code: 'signature_invalid' })
  await expect(verify(at(59), [K2, old])).resolves.toMatchObject({ t: T })
  await expect(verify(at(60), [K2, old])).rejects.toMatchObject({ code: 'signature_invalid' })
  await expect(verifySignature(null, [K1], signed, AT)).rejects.toMatchObject({ code: 'signature_invalid' })
})

test('Q132 keys that may not sign are refused by their place', () => {
  expect(() => checkKeys([K1, { ...K2, id: 'k 2' }])).toThrow('/keys/1/id')
  expect(() => checkKeys([K1, { ...K2, id: 'k1' }])).toThrow('two keys')
  expect(() => checkKeys([{ id: 'short', secret: new Uint8Array(31) }])).toThrow('at least 32 bytes')
})

test('Q133 callbackUrl trims what people leave at the ends of base and prefix, and refuses a base that cannot carry a path', () => {
  const url = (base: string, prefix: string) => callbackUrl(base, prefix, 'abc', 'complete')
  expect(url('https://awa.example.com', '/api/callbacks')).toBe('https://awa.example.com/api/callbacks/abc/complete')
  expect(url('https://awa.example.com/', '/awa-cb/')).toBe('https://awa.example.com/awa-cb/abc/complete')
  expect(url('https://api.example.com', '/jobs/v1/callbacks')).toBe('https://api.example.com/jobs/v1/callbacks/abc/complete')
  expect(url('https://api.example.com', '')).toBe('https://api.example.com/abc/complete')
  expect(url('https://api.example.com//', '  ')).toBe('https://api.example.com/abc/complete')
  expect(url('https://api.example.com/behind/', 'cb')).toBe('https://api.example.com/behind/cb/abc/complete')
  for (const base of [
    'https://a.example?x=1',
    'https://a.example/#x',
    'https://a.example?',
    'ftp://a.example',
    'https://u:p@a.example',
    'a',
  ])
    expect(() => url(base, ''), base).toThrow('/base')
  for (const prefix of ['a?b', 'a#b', 'a//b', '../x', 'a/./b', 'ä'])
    expect(() => url('https://a.example', prefix), prefix).toThrow('/prefix')
  expect(() => callbackUrl('https://a.example', '', 'a/b', 'fail')).toThrow('/id')
})
