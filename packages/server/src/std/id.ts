// Ids as they are spoken and stored: a prefix and 26 Crockford characters of a UUIDv7. Only the tenant's is a uuid inside. Never guesses: a lower-case or cut id is not an id.
type OfPeople = 'ten' | 'usr' | 'agt' | 'key' | 'ses' | 'inv' | 'req' | 'rpl' | 'bgl' | 'chk'
type OfWork = 'task' | 'dec' | 'job' | 'cb' | 'sch' | 'cmt'
type OfChannels = 'emb' | 'emo' | 'slk' | 'lnk' | 'mid' | 'ltr'
type OfRouting = 'ver' | 'vrn' | 'ntc' | 'pool' | 'abs'
type OfTheRelay = 'card' | 'creq' | 'rgr' | 'rtk' | 'ttk' | 'thr' | 'ctx' | 'msg' | 'ctc' | 'blk' | 'dom'
type OfTheRecord = 'rwp' | 'evt' | 'whe' | 'dlv' | 'rpy' | 'inc' | 'upd' | 'aex' | 'exp' | 'ers'
type OfTheVault = 'conn' | 'grt' | 'clt' | 'atz' | 'run' | 'aut' | 'hld' | 'nod' | 'rot' | 'prp'
export type IdPrefix = OfTheVault | OfPeople | OfWork | OfChannels | OfRouting | OfTheRecord | OfTheRelay

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
// 128 bits in 26 characters leave two spare bits, so the first character is 0…7.
const BODY = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/

/** Two zero bits, then the 128, five at a time. */
function encode(bytes: Uint8Array): string {
  let text = ''
  let bits = 0
  let count = 2
  for (const byte of bytes) {
    bits = (bits << 8) | byte
    count += 8
    while (count >= 5) {
      count -= 5
      text += ALPHABET[(bits >>> count) & 31]
    }
    bits &= (1 << count) - 1
  }
  return text
}

function decode(text: string): Uint8Array {
  let value = 0n
  for (const char of text) value = (value << 5n) | BigInt(ALPHABET.indexOf(char))
  const bytes = new Uint8Array(16)
  for (let i = 15; i >= 0; i--) {
    bytes[i] = Number(value & 255n)
    value >>= 8n
  }
  return bytes
}

// Asking the system for 16 bytes costs more than all the rest of an id, and every request has one: so 256 ids' worth at a time, each byte used once.
const pool = new Uint8Array(4_096)
let used = pool.length

function randomBytes16(): Uint8Array {
  if (used === pool.length) {
    crypto.getRandomValues(pool)
    used = 0
  }
  used += 16
  return pool.slice(used - 16, used)
}

/** 16 bytes of a UUIDv7 (RFC 9562 §5.7): 48 bits of milliseconds, then random. */
function uuidV7(now: number): Uint8Array {
  const bytes = randomBytes16()
  for (let i = 0; i < 6; i++) bytes[i] = Math.floor(now / 2 ** (8 * (5 - i))) & 255
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x70
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80
  return bytes
}

const toUuid = (bytes: Uint8Array): string =>
  Buffer.from(bytes)
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')

/** A new id. `now` (milliseconds) only orders ids in time; it decides nothing. */
export const newId = (prefix: Exclude<IdPrefix, 'ten'>, now: number = Date.now()): string => `${prefix}_${encode(uuidV7(now))}`

/** Not above any id that was made at this moment or later, and above all that were made before it: ids of a kind are in the order of their time. */
export function firstIdAt(prefix: Exclude<IdPrefix, 'ten'>, ms: number): string {
  const bytes = new Uint8Array(16)
  for (let i = 0; i < 6; i++) bytes[i] = Math.floor(ms / 2 ** (8 * (5 - i))) & 255
  return `${prefix}_${encode(bytes)}`
}

/** A new tenant's uuid. */
export const newTenantUuid = (now: number = Date.now()): string => toUuid(uuidV7(now))

export const isId = (prefix: IdPrefix, text: unknown): text is string =>
  typeof text === 'string' && text.startsWith(`${prefix}_`) && BODY.test(text.slice(prefix.length + 1))

export const tenantWire = (uuid: string): string => `ten_${encode(Buffer.from(uuid.replaceAll('-', ''), 'hex'))}`

export const tenantUuid = (wire: string): string | null => (isId('ten', wire) ? toUuid(decode(wire.slice(4))) : null)
