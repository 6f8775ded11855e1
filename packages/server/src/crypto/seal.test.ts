import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { expect, onTestFinished, test } from 'vitest'
import {
  EnvelopeError,
  open,
  openText,
  type Place,
  rewrap,
  seal,
  sealText,
  unwrapKey,
  type WrappingKey,
  wrapKey,
} from './seal.ts'

const hex = (text: string) => Buffer.from(text, 'hex')
const range = (from: number, to: number) => Buffer.from(Array.from({ length: to - from + 1 }, (_, i) => from + i))

// vault.md V69
const key: WrappingKey = { current: 3, versions: new Map([[3, range(0x00, 0x1f)]]) }
const at: Place = {
  tenant: 'ten_01J9Z3K4M5N6P7Q8R9S0T1V2W6',
  table: 'connections',
  column: 'material',
  row: 'conn_01J9Z3K4M5N6P7Q8R9S0T1V2W4/7',
}
const plain = '{"api_key":"canary-0001"}'.padEnd(64)
const envelope = hex(
  '010100000003a0a1a2a3a4a5a6a7a8a9aaab' +
    'a6593e6e018e44f82a2ccd984b378e9120fd0b43c6e2143bc4577cdd23f62b5ed883079507a5fcaeffaca811a0676f9b' +
    'b0b1b2b3b4b5b6b7b8b9babb' +
    '7822e1f5a81580fc42cc1dda8e9722aacc71a9187425e7bd8ee6401ba990d2b0a11ba5b0a2119eae7680512f2dff44ce9db51b0653db69dfb699db18934cbdfb' +
    'e6a879a2c46905b3d8f2fc6e8279afaf',
)

test('P124 V69 the published vector comes out byte for byte, and opens', () => {
  const parts = [range(0xa0, 0xab), range(0x40, 0x5f), range(0xb0, 0xbb)]
  const sealed = seal(key, at, Buffer.from(plain), () => parts.shift() as Buffer)
  expect(sealed.toString('hex')).toBe(envelope.toString('hex'))
  expect(sealed).toHaveLength(158)
  expect(openText(key, at, envelope)).toBe(plain)
})

test('V68 any single flipped bit of the envelope fails with one message', () => {
  for (let bit = 0; bit < envelope.length * 8; bit++) {
    const bent = Buffer.from(envelope)
    bent[bit >> 3] = (bent[bit >> 3] as number) ^ (1 << (bit & 7))
    expect(() => open(key, at, bent)).toThrow(new EnvelopeError('broken').message)
  }
})

test('P124 V70 moved to another row, generation, column, table or tenant it does not open', () => {
  const elsewhere: Partial<Place>[] = [
    { row: 'conn_01J9Z3K4M5N6P7Q8R9S0T1V2W4/6' },
    { row: 'conn_01J9Z3K4M5N6P7Q8R9S0T1V2W5/7' },
    { column: 'materia' },
    { table: 'connection', column: 'smaterial' },
    { tenant: 'ten_01J9Z3K4M5N6P7Q8R9S0T1V2W7' },
  ]
  for (const other of elsewhere) expect(() => open(key, { ...at, ...other }, envelope)).toThrow(EnvelopeError)
})

test('V68 unknown format, algorithm or key version is an error of its own reason, a cut or padded envelope is broken', () => {
  const bend = (offset: number, by: number) =>
    Buffer.concat([envelope.subarray(0, offset), Buffer.of(by), envelope.subarray(offset + 1)])
  for (const unknown of [bend(0, 2), bend(1, 2), bend(5, 4), Buffer.alloc(0)]) {
    expect(() => open(key, at, unknown)).toThrow(expect.objectContaining({ reason: 'unknown' }))
  }
  for (const broken of [envelope.subarray(0, 94), envelope.subarray(0, 157), Buffer.concat([envelope, Buffer.of(0)])]) {
    expect(() => open(key, at, broken)).toThrow(expect.objectContaining({ reason: 'broken' }))
  }
})

test('V68 an envelope holds 1 byte to 16 MiB, and its place is visible ASCII', () => {
  expect(() => seal(key, at, Buffer.alloc(0))).toThrow(RangeError)
  expect(() => seal(key, at, Buffer.alloc(16 * 1024 * 1024 + 1))).toThrow(RangeError)
  expect(open(key, at, seal(key, at, Buffer.alloc(1)))).toEqual(Buffer.alloc(1))
  for (const row of ['', 'a\0b', 'é', 'a b']) expect(() => sealText(key, { ...at, row }, 'x')).toThrow(TypeError)
})

test('P126 readers open every version they hold while the current one seals', () => {
  const older: WrappingKey = { current: 1, versions: new Map([[1, randomBytes(32)]]) }
  const both: WrappingKey = { current: 2, versions: new Map([...older.versions, [2, randomBytes(32)]]) }
  const [first, second] = [sealText(older, at, 'old'), sealText(both, at, 'new')]
  expect([openText(both, at, first), openText(both, at, second)]).toEqual(['old', 'new'])
  expect(() => openText(older, at, second)).toThrow(EnvelopeError)
  expect(sealText(both, at, 'same').equals(sealText(both, at, 'same'))).toBe(false)
})

test('P124 a wrapped key opens for its owner and version only', () => {
  const child = randomBytes(32)
  const wrapped = wrapKey(key, 'ten_A/task:task_1', 1, child)
  expect(unwrapKey(key, 'ten_A/task:task_1', 1, wrapped).equals(child)).toBe(true)
  expect(() => unwrapKey(key, 'ten_A/task:task_2', 1, wrapped)).toThrow(EnvelopeError)
  expect(() => unwrapKey(key, 'ten_A/task:task_1', 2, wrapped)).toThrow(EnvelopeError)
  expect(() => unwrapKey(key, 'ten_A/task:task_1', 1, wrapped.subarray(1))).toThrow(EnvelopeError)
  expect(() => wrapKey(key, 'ten_A', 1, Buffer.alloc(16))).toThrow(TypeError)
})

/** Every buffer that a cipher was given or gave back in the clear, by what it held then. */
function watchPlaintexts() {
  const held: { was: string; buffer: Buffer }[] = []
  const watch = (proto: { update(data: Buffer): Buffer }, ofInput: boolean) => {
    const { update } = proto
    proto.update = function (data: Buffer) {
      const answer = update.call(this, data)
      const buffer = ofInput ? data : answer
      held.push({ was: buffer.toString('latin1'), buffer })
      return answer
    }
    onTestFinished(() => {
      proto.update = update
    })
  }
  const args = ['aes-256-gcm', Buffer.alloc(32), Buffer.alloc(12)] as const
  watch(Object.getPrototypeOf(createCipheriv(...args)), true)
  watch(Object.getPrototypeOf(createDecipheriv(...args)), false)
  return held
}

test('V71 every buffer that held a plaintext or a data key is zero afterwards, also where an envelope does not open', () => {
  const held = watchPlaintexts()
  const sealed = sealText(key, at, plain)
  expect(openText(key, at, sealed)).toBe(plain)
  expect(() => openText(key, { ...at, row: 'another/1' }, sealed)).toThrow(EnvelopeError)
  rewrap(key, at.tenant, sealed)
  // Data key and text: sealed, opened, decrypted and not given out; the data key twice more for the rewrap.
  expect(held.map(({ was }) => was === plain)).toEqual([false, true, false, true, false, true, false, false])
  expect(held.filter(({ buffer }) => buffer.some((byte) => byte !== 0)).map(({ was }) => was)).toEqual([])
})
