// The one form in which e-mail addresses and user names are compared (P20). Never corrects what a person typed: what is no address stays none.
import { domainToASCII } from 'node:url'

const LOCAL_PART = /^[^\s@<>"(),:;\\[\]\p{C}]{1,64}$/u
const DOMAIN = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/
const USERNAME = /^[a-z0-9][a-z0-9_-]{2,31}$/

/** NFKC and lower case on both sides, the domain as A-labels; null for what is no address. A full-width ＠ is no @. */
export function foldEmail(text: string): string | null {
  const at = text.lastIndexOf('@')
  if (at < 1) return null
  const local = text.slice(0, at).normalize('NFKC').toLowerCase()
  const domain = domainToASCII(
    text
      .slice(at + 1)
      .normalize('NFKC')
      .toLowerCase(),
  )
  const folded = `${local}@${domain}`
  return LOCAL_PART.test(local) && DOMAIN.test(domain) && Buffer.byteLength(folded) <= 254 ? folded : null
}

export const foldUsername = (text: string): string | null => {
  const folded = text.toLowerCase()
  return USERNAME.test(folded) ? folded : null
}

/** What stands in the login field: a username or an address. Both null: nobody can be meant. */
export const readLogin = (text: string): { username: string | null; email: string | null } => ({
  username: foldUsername(text),
  email: foldEmail(text),
})
