// The ways in which a value may come back (V114): raw, base64 at each of three alignments and in both alphabets, hex, percent-encoded, JSON-escaped. Of base64
// only those characters count that the value alone decides. Never makes a form of fewer than eight bytes: it would hit what is innocent (V117).
export const SHORTEST = 8

export function formsOf(value: Buffer): Buffer[] {
  if (value.length < SHORTEST) return []
  const text = value.toString('latin1')
  const unicode = value.toString('utf8')
  const isUtf8 = Buffer.from(unicode, 'utf8').equals(value)
  const json = JSON.stringify(isUtf8 ? unicode : text).slice(1, -1)
  const percent = percented(value, (byte) => /[A-Za-z0-9\-._~]/.test(String.fromCharCode(byte)))
  const all = percented(value, () => false)
  const hex = value.toString('hex')
  const forms = [
    text,
    ...[0, 1, 2].flatMap((shift) => {
      const coded = base64At(value, shift)
      return [coded, coded.replaceAll('+', '-').replaceAll('/', '_')]
    }),
    hex,
    hex.toUpperCase(),
    percent,
    lowerEscapes(percent),
    percent.replaceAll('%20', '+'),
    // As browsers and most libraries leave them: these are not escaped in a component.
    percent.replace(/%(?:21|27|28|29|2A)/g, (code) => String.fromCharCode(Number.parseInt(code.slice(1), 16))),
    all,
    lowerEscapes(all),
  ].map((form) => Buffer.from(form, 'latin1'))
  const escaped = [json, json.replaceAll('/', '\\/'), asciiJson(json)].map((form) =>
    Buffer.from(form, isUtf8 ? 'utf8' : 'latin1'),
  )
  const seen = new Set<string>()
  return [...forms, ...escaped].filter((form) => {
    const key = form.toString('latin1')
    return form.length >= SHORTEST && !seen.has(key) && seen.add(key)
  })
}

/** What base64 makes of the value when so many bytes stand before it, without the characters that share bits with its neighbours. */
function base64At(value: Buffer, shift: number): string {
  const coded = Buffer.concat([Buffer.alloc(shift), value]).toString('base64')
  const from = Math.ceil((shift * 8) / 6)
  return coded.slice(from, Math.floor(((shift + value.length) * 8) / 6))
}

const percented = (value: Buffer, plain: (byte: number) => boolean): string =>
  [...value]
    .map((byte) => (plain(byte) ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`))
    .join('')

const lowerEscapes = (text: string): string => text.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase())

/** As writers do that keep to ASCII, and escape what HTML could read. */
const asciiJson = (json: string): string =>
  json.replace(/[<>&'\u007f-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
