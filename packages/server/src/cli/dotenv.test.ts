import { expect, test } from 'vitest'
import { readDotenv, withoutValues } from './dotenv.ts'

const TEXT = `# settings
export OPENAI_API_KEY=sk-abc # of the team
EMPTY=
SINGLE='a $(id) "b" \\n'
DOUBLE="line\\none \\"two\\" \\$HOME"
PEM="first
second=1"
  spaced = with words 
URL=https://a.example/#part
not a variable
LAST=end`

test('V125 a file of variables is read as programs read it, and nothing in it is run or expanded', () => {
  expect(readDotenv(TEXT).map(({ name, value }) => [name, value])).toEqual([
    ['OPENAI_API_KEY', 'sk-abc'],
    ['EMPTY', ''],
    ['SINGLE', 'a $(id) "b" \\n'],
    ['DOUBLE', 'line\none "two" $HOME'],
    ['PEM', 'first\nsecond=1'],
    ['spaced', 'with words'],
    ['URL', 'https://a.example/#part'],
    ['LAST', 'end'],
  ])
  expect(readDotenv('A=1\r\nB=2\r\n').map(({ value }) => value)).toEqual(['1', '2'])
  expect(readDotenv('')).toEqual([])
  expect(readDotenv('A="never closed\nB=2').map(({ name }) => name)).toEqual(['A', 'B'])
})

test('V125 a value is taken out of its file, and every other byte stays', () => {
  const all = readDotenv(TEXT)
  const taken = all
    .filter(({ name }) => name === 'OPENAI_API_KEY' || name === 'PEM')
    .map((variable) => ({ variable, kept: 'x:default' }))
  const rest = withoutValues(TEXT, taken)
  expect(rest).toBe(
    TEXT.replace('export OPENAI_API_KEY=sk-abc # of the team', '# OPENAI_API_KEY is kept by Countersign as x:default').replace(
      'PEM="first\nsecond=1"',
      '# PEM is kept by Countersign as x:default',
    ),
  )
})
