// The verbs of authsome (V125), for fingers that know them: each is one of our commands under another name, with a note that says which. Holds no behaviour of its own.
import type { Command } from 'commander'
import { usage } from './output.ts'

/** Their words, and ours. */
export const ALIASES: Readonly<Record<string, readonly string[]>> = {
  list: ['connections', 'list'],
  inspect: ['providers', 'show'],
  register: ['providers', 'add'],
  'set-default': ['connections', 'default'],
  scan: ['import', 'env'],
  revoke: ['connections', 'revoke'],
  remove: ['connections', 'remove'],
  profile: ['profiles'],
  daemon: ['serve'],
}

/** What is done in another way here. */
const INSTEAD: Readonly<Record<string, string>> = {
  get: 'countersign connections show tells about one, and countersign export takes a field of it out',
  ui: 'countersign serve serves the dashboard, and countersign dev opens one on this machine',
}

/** The words with ours in place of theirs, where the command is one of theirs. */
export function ourWords(program: Command, words: readonly string[], note: (text: string) => void): string[] {
  const at = placeOfCommand(program, words)
  const theirs = words[at]
  if (theirs === undefined) return [...words]
  if (Object.hasOwn(INSTEAD, theirs)) throw usage(`There is no countersign ${theirs} here: ${INSTEAD[theirs]}.`)
  const ours = Object.hasOwn(ALIASES, theirs) ? ALIASES[theirs] : undefined
  if (ours === undefined) return [...words]
  note(`countersign ${theirs} is countersign ${ours.join(' ')} here.\n`)
  return words.toSpliced(at, 1, ...ours)
}

/** The first word that is neither an option nor the value of one. */
function placeOfCommand(program: Command, words: readonly string[]): number {
  for (let at = 0; at < words.length; at++) {
    const word = words[at] as string
    if (!word.startsWith('-')) return at
    const option = program.options.find((one) => one.long === word || one.short === word)
    if (option?.required) at++
  }
  return words.length
}
