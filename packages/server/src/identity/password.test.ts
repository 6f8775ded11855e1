import { parseOptions } from '@node-rs/argon2'
import { expect, test } from 'vitest'
import { makeKeyring } from '../crypto/keyring.ts'
import { randomBytes } from '../crypto/token.ts'
import { foldEmail, readLogin } from './email.ts'
import { COST, openPasswords } from './password.ts'
import { CHEAP } from './testing/house.ts'

const root = new Map([
  [1, randomBytes(32)],
  [2, randomBytes(32)],
])
const keyring = makeKeyring({ current: 1, versions: root })
const passwords = openPasswords({ keyring, cost: CHEAP })
const about = { names: ['Ada Lovelace'], emails: ['ada@analytical.example'], tenant: 'Difference Engines' }

const reasonOf = (password: string): string | null => {
  try {
    passwords.check(password, about)
    return null
  } catch (error) {
    return (error as { members: { reason?: string }; code: string }).members.reason ?? (error as { code: string }).code
  }
}

test('P23 the hash is argon2id, version 19, 64 MiB, three passes, four lanes, 16 bytes of salt and 32 of tag', async () => {
  const { hash, pepper_version } = await openPasswords({ keyring }).hash('a password of some length')
  expect(COST).toEqual({ memoryKib: 65_536, passes: 3, lanes: 4 })
  expect(hash).toMatch(/^\$argon2id\$v=19\$m=65536,t=3,p=4\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/)
  expect(parseOptions(hash)).toMatchObject({ saltLen: 16, outputLen: 32 })
  expect(pepper_version).toBe(1)
})

test('P22 P23 NFC and NFD of a password are one, and no byte of a long one is cut', async () => {
  const stored = await passwords.hash('caf\u00e9 on the corner')
  expect(await passwords.verify('cafe\u0301 on the corner', stored)).toBe('right')
  const long = await passwords.hash(`${'x'.repeat(72)}tail`)
  expect(await passwords.verify(`${'x'.repeat(72)}liat`, long)).toBe('wrong')
  expect(await passwords.verify(' caf\u00e9 on the corner', stored)).toBe('wrong')
})

test('P23 without the pepper the hash opens nothing; weaker parameters or an older pepper ask to be hashed again', async () => {
  const stored = await passwords.hash('tangerine otters')
  const elsewhere = openPasswords({
    keyring: makeKeyring({ current: 1, versions: new Map([[1, randomBytes(32)]]) }),
    cost: CHEAP,
  })
  expect(await elsewhere.verify('tangerine otters', stored)).toBe('wrong')
  const stronger = openPasswords({ keyring, cost: { ...CHEAP, passes: 2 } })
  expect(await stronger.verify('tangerine otters', stored)).toBe('outdated')
  const rotated = openPasswords({ keyring: makeKeyring({ current: 2, versions: root }), cost: CHEAP })
  expect(await rotated.verify('tangerine otters', stored)).toBe('outdated')
  expect(await rotated.verify('tangerine otters', await rotated.hash('tangerine otters'))).toBe('right')
})

test('P21 nobody’s password costs one hash and is wrong', async () => {
  const before = passwords.count()
  expect(await passwords.verify('whatever it may be', null)).toBe('wrong')
  expect(passwords.count()).toBe(before + 1)
})

test('P23 so many at once, so many waiting, and one more is told busy', async () => {
  const few = openPasswords({ keyring, cost: CHEAP, atOnce: 1, queue: 2 })
  const settled = await Promise.allSettled(Array.from({ length: 5 }, () => few.hash('a password of some length')))
  expect(settled.map((one) => one.status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'rejected', 'rejected'])
  expect(settled.at(-1)).toMatchObject({ reason: { code: 'busy', members: { retry_after: 1 } } })
  expect(await few.hash('and then there is room again')).toBeTruthy()
})

test('P22 fifteen code points of anything will do; shorter, common and personal ones are refused with the reason', () => {
  for (const good of [
    'nine lives, all of them spent',
    'tangerine-otter-7-lanterns',
    '🦉🦉🦉🦉🦉🦉🦉🦉🦉🦉🦉🦉🦉🦉🦉',
    '    a b c d    e f',
    'ada wrote the first program in 1843',
  ])
    expect([good, reasonOf(good)]).toEqual([good, null])
  for (const short of ['fourteen chars', '🦉'.repeat(14)]) expect(reasonOf(short)).toBe('too_short')
  for (const common of [
    '123456789012345',
    'passwordpassword',
    'PasswordPassword',
    'p4ssw0rdp4ssw0rd',
    'qwertyuiopasdfgh',
    'aaaaaaaaaaaaaaaa',
    'password1234567',
    '1q2w3e4r5t6y7u8i',
    'Summer2026Summer',
    '!!!letmein!!!!!!!!',
  ])
    expect([common, reasonOf(common)]).toEqual([common, 'too_common'])
  for (const own of [
    'adalovelace1843',
    'Ada@Analytical.example',
    'L0velace-L0velace',
    'countersign-2026!',
    'C0unt3rs1gn12345',
    'differenceengines',
    'countersignpassword',
  ])
    expect([own, reasonOf(own)]).toEqual([own, 'about_you'])
  expect(reasonOf('x'.repeat(1_025))).toBe('validation_failed')
  expect(reasonOf(`${'é'.repeat(512)}`)).toBeNull()
})

test('P22 with a second factor eight code points suffice, and the list holds the common ones of that length', () => {
  expect(() => passwords.check('ochre7fig', about, 8)).not.toThrow()
  for (const common of ['sunshine', 'Trustno1', 'iloveyou', '12345678', 'qwerty123'])
    expect(() => passwords.check(common, about, 8)).toThrow()
})

test('P20 addresses compare by folded text and A-labels; homoglyphs of the at sign and quoted parts are no addresses', () => {
  expect(foldEmail('Ada.Lovelace@EXAMPLE.com')).toBe('ada.lovelace@example.com')
  expect(foldEmail('ada@bücher.example')).toBe('ada@xn--bcher-kva.example')
  expect(foldEmail('ﬁne@example.com')).toBe('fine@example.com')
  for (const none of [
    '',
    '@',
    'ada',
    'ada@',
    '@example.com',
    'ada＠example.com',
    '"ada"@example.com',
    ' ada@example.com',
    'ada@exa mple.com',
    `${'a'.repeat(65)}@example.com`,
    `ada@${'a.'.repeat(130)}com`,
    'a@b@c.example',
    'ada@example',
    'a\u0000@example.com',
  ])
    expect([none, foldEmail(none)]).toEqual([none, null])
  expect(readLogin('Mia_9')).toEqual({ username: 'mia_9', email: null })
  expect(readLogin('mia@example.com')).toEqual({ username: null, email: 'mia@example.com' })
})
