// Regular expressions from callers (T74). What can be seen to run for ever is refused when the task is made; whatever passes still runs under a deadline
// (evaluation.ts), so this file is a kindness to the caller and never the only guard.

export const LONGEST_PATTERN = 1_000

/** The pattern as it will run (flag u), or why it is refused. */
export type VettedPattern =
  | { source: string }
  | { code: 'pattern_invalid' | 'pattern_too_long' | 'pattern_unsafe'; message: string }

export function vetPattern(pattern: string): VettedPattern {
  if (pattern.length > LONGEST_PATTERN)
    return { code: 'pattern_too_long', message: `A pattern has at most ${LONGEST_PATTERN} characters.` }
  const source = compiles(pattern) ? pattern : withoutIdleEscapes(pattern)
  if (!compiles(source))
    return { code: 'pattern_invalid', message: 'This is not a regular expression of ECMAScript with the flag u.' }
  return repeatsARepeat(parse(source))
    ? {
        code: 'pattern_unsafe',
        message: 'A repeated group repeats inside itself, so a short text can keep this pattern busy for ever.',
      }
    : { source }
}

function compiles(source: string): boolean {
  try {
    new RegExp(source, 'u')
    return true
  } catch (error) {
    if (error instanceof SyntaxError) return false
    throw error
  }
}

/** Other languages allow `\-` or `\@` anywhere; the flag u does not, and there they mean the character itself. */
const withoutIdleEscapes = (source: string): string => source.replace(/\\([^\w\s^$\\.*+?()[\]{}|/])/g, '$1')

type Node =
  | { kind: 'set'; source: string }
  | { kind: 'sequence'; nodes: Node[] }
  | { kind: 'choice'; options: Node[] }
  | { kind: 'repeat'; node: Node; min: number; max: number }
  | { kind: 'width0'; nodes: Node[] }

const PROPERTY_ESCAPE = /^\\[pP]\{[^}]*\}/
const ESCAPE = /^\\(?:u\{[0-9a-fA-F]+\}|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|c[A-Za-z]|k<[^>]*>|[0-9]+|[\s\S])/
const CLASS = /^\[(?:\\[\s\S]|[^\]\\])*\]/
const QUANTIFIER = /^(?:([*+?])|\{(\d+)(,(\d*))?\})\??/
const OPENING = /^\((?:\?(?::|=|!|<=|<!|<[^>=!][^>]*>))?/

/** Only the shape matters here; the pattern compiled already. */
function parse(source: string): Node {
  let at = 0
  const take = (pattern: RegExp): RegExpExecArray | null => {
    const found = pattern.exec(source.slice(at))
    if (found) at += found[0].length
    return found
  }
  function choice(): Node {
    const options = [sequence()]
    while (source[at] === '|') {
      at++
      options.push(sequence())
    }
    return options.length === 1 ? (options[0] as Node) : { kind: 'choice', options }
  }
  function sequence(): Node {
    const nodes: Node[] = []
    while (at < source.length && source[at] !== '|' && source[at] !== ')') nodes.push(quantified(atom()))
    return { kind: 'sequence', nodes }
  }
  function quantified(node: Node): Node {
    const found = take(QUANTIFIER)
    if (!found) return node
    const [, sign, low, comma, high] = found
    const min = sign ? (sign === '+' ? 1 : 0) : Number(low)
    const max = sign
      ? sign === '?'
        ? 1
        : Number.POSITIVE_INFINITY
      : comma
        ? high
          ? Number(high)
          : Number.POSITIVE_INFINITY
        : min
    return { kind: 'repeat', node, min, max }
  }
  function atom(): Node {
    const opening = take(OPENING)
    if (opening) {
      const inside = choice()
      at++ // the closing parenthesis
      return /[=!]$/.test(opening[0]) ? { kind: 'width0', nodes: [inside] } : inside
    }
    if (take(/^(?:[\^$]|\\[bB])/)) return { kind: 'width0', nodes: [] }
    const set = take(CLASS) ?? take(PROPERTY_ESCAPE) ?? take(ESCAPE) ?? take(/^[\s\S]/u)
    return { kind: 'set', source: set?.[0] ?? '' }
  }
  return choice()
}

/** A group whose number of rounds is open and whose rounds may have more than one length: the shape of `(a+)+`. */
function repeatsARepeat(node: Node): boolean {
  if (node.kind === 'set') return false
  if (node.kind === 'repeat') {
    const open = node.max - node.min >= 8
    return (open && hasOpenLength(node.node) && !isDelimited(node.node)) || repeatsARepeat(node.node)
  }
  return (node.kind === 'choice' ? node.options : node.nodes).some(repeatsARepeat)
}

function hasOpenLength(node: Node): boolean {
  if (node.kind === 'set' || node.kind === 'width0') return false
  if (node.kind === 'repeat') return node.min !== node.max || hasOpenLength(node.node)
  return (node.kind === 'choice' ? node.options : node.nodes).some(hasOpenLength)
}

/** Every round begins or ends with a character that stands nowhere else in it, so there is one way to cut a text into rounds: `(\w+\.)+`. */
function isDelimited(node: Node): boolean {
  if (node.kind === 'choice') return node.options.every((option) => !hasOpenLength(option) || isDelimited(option))
  if (node.kind !== 'sequence') return false
  const wide = node.nodes.filter((one) => one.kind !== 'width0')
  if (wide.length === 1) return isDelimited(wide[0] as Node)
  return [wide[0], wide.at(-1)].some((edge) => {
    if (edge?.kind !== 'set') return false
    const rest = wide.filter((one) => one !== edge).flatMap(setsOf)
    return rest.every((source) => !overlap(edge.source, source))
  })
}

function setsOf(node: Node): string[] {
  if (node.kind === 'set') return [node.source]
  if (node.kind === 'repeat') return setsOf(node.node)
  return (node.kind === 'choice' ? node.options : node.nodes).flatMap(setsOf)
}

// Latin, and one character of a few other scripts and planes: enough to tell `\.` from `\w`.
const SAMPLE = [...Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)), 'Ω', 'ж', '中', '\u2028', '😀']

function overlap(a: string, b: string): boolean {
  // A back reference may be any text.
  if (/^\\(?:[1-9]|k<)/.test(a) || /^\\(?:[1-9]|k<)/.test(b)) return true
  const [left, right] = [new RegExp(`^${a}$`, 'su'), new RegExp(`^${b}$`, 'su')]
  return SAMPLE.some((char) => left.test(char) && right.test(char)) || a === b
}
