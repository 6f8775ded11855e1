// Whether a mail is from whom it says (T112): DKIM or SPF passed, for the domain of its sender or one above or below it, as DMARC's relaxed alignment has it. The verdict
// is the provider's, who saw the connection; it comes signed (ADR 0014).

export type Verdict = {
  dkim: readonly { domain: string; result: string }[]
  spf: { domain: string; result: string } | null
}

export function isAligned(address: string, { dkim, spf }: Verdict): boolean {
  const domain = address.slice(address.lastIndexOf('@') + 1)
  const vouches = (one: { domain: string; result: string } | null): boolean =>
    one !== null && one.result.toLowerCase() === 'pass' && isSame(domain, one.domain.toLowerCase().replace(/^@|\.$/g, ''))
  return dkim.some(vouches) || vouches(spf)
}

/** `mail.example.com` and `example.com`; never two beside each other, such as `a.co.uk` and `b.co.uk`, and never a top-level domain. */
const isSame = (one: string, other: string): boolean =>
  one === other || (isBelow(one, other) && depth(other) >= 2) || (isBelow(other, one) && depth(one) >= 2)
const isBelow = (one: string, other: string): boolean => one.endsWith(`.${other}`)
const depth = (domain: string): number => domain.split('.').length
