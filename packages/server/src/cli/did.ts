// A public key of Ed25519 as did:key (multicodec 0xed01, base58btc), as the server writes it.
const LETTERS = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'

export function didOf({ kty, crv, x }: JsonWebKey): string | null {
  if (kty !== 'OKP' || crv !== 'Ed25519' || typeof x !== 'string') return null
  return `did:key:z${base58(Buffer.concat([Buffer.from([0xed, 0x01]), Buffer.from(x, 'base64url')]))}`
}

/** The first byte is never zero here, so no leading one is lost. */
function base58(bytes: Buffer): string {
  let text = ''
  for (let rest = BigInt(`0x${bytes.toString('hex')}`); rest > 0n; rest /= 58n) text = `${LETTERS[Number(rest % 58n)]}${text}`
  return text
}
