// /.well-known/security.txt (RFC 9116): a file of the operator, served as it is, and how long it still holds. Writes none, and signs none.
import { readFileSync } from 'node:fs'

export const SECURITY_TXT_WARN_DAYS = 30
const MOST_BYTES = 32_768
const DAY_MS = 86_400_000

export type SecurityTxt = { text: string; expires: Date } | { refused: string }

/** The rules of §2.5: at least one Contact, exactly one Expires, every line a field, a comment or empty. A signed one is taken by what it signs. */
export function readSecurityTxt(file: string): SecurityTxt {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    return { refused: `it cannot be read (${(error as NodeJS.ErrnoException).code}).` }
  }
  return parseSecurityTxt(text)
}

export function parseSecurityTxt(text: string): SecurityTxt {
  if (Buffer.byteLength(text) > MOST_BYTES) return { refused: `it is larger than ${MOST_BYTES / 1024} kB.` }
  const lines = signedPart(text).split(/\r?\n/)
  const wrong = lines.findIndex((line) => line !== '' && !line.startsWith('#') && !/^[A-Za-z-]+: \S/.test(line))
  if (wrong >= 0) return { refused: `line ${wrong + 1} is no field, no comment and not empty.` }
  const values = (name: string) =>
    lines.filter((line) => line.toLowerCase().startsWith(`${name}: `)).map((line) => line.slice(name.length + 2).trim())
  const contacts = values('contact')
  if (contacts.length === 0) return { refused: 'it names no Contact.' }
  const odd = contacts.find((contact) => !/^(mailto:|https:\/\/|tel:)\S+$/i.test(contact))
  if (odd !== undefined) return { refused: `the Contact ${odd.slice(0, 80)} is no mailto:, https: or tel: URI.` }
  const [expires, ...more] = values('expires')
  if (expires === undefined || more.length > 0) return { refused: 'it must have exactly one Expires.' }
  const at = new Date(expires)
  if (!/^\d{4}-\d\d-\d\dT/.test(expires) || Number.isNaN(at.getTime()))
    return { refused: 'its Expires is no time such as 2027-01-31T12:00:00Z.' }
  return { text, expires: at }
}

/** What stands between the armour lines of a cleartext signature; else the whole. */
function signedPart(text: string): string {
  const found =
    /^-----BEGIN PGP SIGNED MESSAGE-----\r?\n(?:Hash: .*\r?\n)*\r?\n([\s\S]*?)\r?\n-----BEGIN PGP SIGNATURE-----/.exec(text)
  return found?.[1]?.replace(/^- /gm, '') ?? text
}

export const daysLeft = (expires: Date, now: Date): number => Math.floor((expires.getTime() - now.getTime()) / DAY_MS)
