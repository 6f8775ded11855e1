// Text to bytes, strictly: what is not exactly the encoding, or not exactly as long as it must be, is malformed.

/** A text that is not in the form it must have. */
export class MalformedText extends Error {}

/** A header that has to stand beside the signature and does not. */
export class MissingText extends Error {}

export const utf8 = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text) as Uint8Array<ArrayBuffer> // an encoder never shares its buffer

export function fromHex(text: string, length: number): Uint8Array<ArrayBuffer> {
  if (text.length !== length * 2 || !/^[0-9a-f]*$/.test(text)) throw new MalformedText('not lower-case hex of the right length')
  return Uint8Array.from({ length }, (_, i) => Number.parseInt(text.slice(i * 2, i * 2 + 2), 16))
}

export function fromBase64(text: string, length?: number): Uint8Array<ArrayBuffer> {
  if (text === '' || text.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) throw new MalformedText('not base64')
  const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0))
  if (length !== undefined && bytes.length !== length) throw new MalformedText('not of the right length')
  return bytes
}

export function fromBase64Url(text: string): Uint8Array<ArrayBuffer> {
  const plain = text.replaceAll('-', '+').replaceAll('_', '/').replace(/=+$/, '')
  return fromBase64(plain.padEnd(Math.ceil(plain.length / 4) * 4, '='))
}
