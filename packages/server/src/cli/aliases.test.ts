import type { Command } from 'commander'
import { expect, test } from 'vitest'
import { ALIASES, ourWords } from './aliases.ts'
import { commandLine } from './program.ts'

const { program } = commandLine()
const find = (command: Command | undefined, [name, ...rest]: readonly string[]): Command | undefined =>
  name === undefined
    ? command
    : find(
        command?.commands.find((one) => one.name() === name),
        rest,
      )

test('V125 the verbs of authsome mean commands that there are, with a note', () => {
  const notes: string[] = []
  for (const [theirs, ours] of Object.entries(ALIASES)) {
    expect([theirs, find(program, ours)?.name()]).toEqual([theirs, ours.at(-1)])
    expect(find(program, [theirs])).toBeUndefined()
    expect(ourWords(program, ['--server', 'list', '--json', theirs, 'github'], (note) => notes.push(note))).toEqual([
      ...['--server', 'list', '--json', ...ours, 'github'],
    ])
  }
  expect(notes[0]).toBe('countersign list is countersign connections list here.\n')
  expect(() => ourWords(program, ['get', 'github'], () => undefined)).toThrow(/countersign export/)
  expect(() => ourWords(program, ['ui'], () => undefined)).toThrow(/countersign serve/)
  for (const words of [['connections', 'list'], ['--json'], [], ['tasks', 'list'], ['constructor']])
    expect(ourWords(program, words, () => expect.unreachable())).toEqual(words)
})
