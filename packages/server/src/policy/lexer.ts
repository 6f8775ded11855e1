// Finds policies and their annotations in a text, with places: Cedar's own answers know neither which policy stands where nor where an annotation begins.
// Judges nothing: what it cannot make sense of is left for Cedar's parser to refuse.

/** A place as an editor counts it: from 1, columns in UTF-16 units. */
export type Place = { line: number; column: number }

export type Annotation = { name: string; value: string | null; start: number }

/** One policy with the offsets (UTF-16) of its first character and behind its last. */
export type Piece = {
  text: string
  start: number
  annotations: Annotation[] /** The word behind the annotations. */
  effect: string
}

// White space, a comment to the end of its line, a string with its escapes, a word, or any other character.
const TOKEN = /\s+|\/\/[^\n]*|"(?:[^"\\]|\\[\s\S])*"?|[A-Za-z_][A-Za-z0-9_]*|[\s\S]/gy

type Token = { text: string; start: number }

const isTrivia = (text: string): boolean => /^\s/.test(text) || text.startsWith('//')

/** In Cedar a semicolon outside strings and comments ends a policy and stands nowhere else. */
export function cutPolicies(source: string): Piece[] {
  const pieces: Piece[] = []
  let tokens: Token[] = []
  for (const match of source.matchAll(TOKEN)) {
    const text = match[0]
    if (isTrivia(text)) continue
    tokens.push({ text, start: match.index })
    if (text !== ';') continue
    pieces.push(pieceOf(source, tokens))
    tokens = []
  }
  // A last policy without its semicolon: Cedar says what it expected.
  if (tokens.length > 0) pieces.push(pieceOf(source, tokens))
  return pieces
}

function pieceOf(source: string, tokens: readonly Token[]): Piece {
  const [first] = tokens as [Token]
  const last = tokens.at(-1) as Token
  return { text: source.slice(first.start, last.start + last.text.length), start: first.start, ...headOf(tokens) }
}

function headOf(tokens: readonly Token[]): Pick<Piece, 'annotations' | 'effect'> {
  const found: Annotation[] = []
  let i = 0
  while (tokens[i]?.text === '@') {
    const name = tokens[i + 1]?.text ?? ''
    const isCall = tokens[i + 2]?.text === '('
    const given = isCall ? tokens[i + 3]?.text : undefined
    found.push({ name, value: given?.startsWith('"') ? unquote(given) : null, start: (tokens[i] as Token).start })
    i += isCall ? 5 : 2
  }
  return { annotations: found, effect: tokens[i]?.text ?? '' }
}

const ESCAPES: Record<string, string> = { n: '\n', r: '\r', t: '\t', '0': '\0', '\\': '\\', '"': '"', "'": "'" }

/** The escapes of Cedar's strings; an unknown one stays, for Cedar refuses it. */
function unquote(quoted: string): string {
  const inner = quoted.slice(1, quoted.length > 1 && quoted.endsWith('"') ? -1 : undefined)
  return inner.replace(/\\(?:u\{([0-9a-fA-F]{1,6})\}|x([0-9a-fA-F]{2})|([\s\S]))/g, (whole, unicode, hex, one) => {
    const code = Number.parseInt(unicode ?? hex ?? '', 16)
    if (!Number.isNaN(code)) return code <= 0x10ffff ? String.fromCodePoint(code) : whole
    return ESCAPES[one as string] ?? whole
  })
}

/** Of any offsets in one text. */
export function openPlaces(source: string): (offset: number) => Place {
  const starts = [0]
  for (let at = source.indexOf('\n'); at >= 0; at = source.indexOf('\n', at + 1)) starts.push(at + 1)
  return (offset) => {
    let low = 0
    let high = starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((starts[middle] as number) <= offset) low = middle
      else high = middle - 1
    }
    return { line: low + 1, column: offset - (starts[low] as number) + 1 }
  }
}

/** Cedar counts bytes of UTF-8; an editor counts UTF-16. */
export function offsetOfByte(source: string, byte: number): number {
  let bytes = 0
  let offset = 0
  for (const char of source) {
    if (bytes >= byte) return offset
    const code = char.codePointAt(0) as number
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4
    offset += char.length
  }
  return offset
}
