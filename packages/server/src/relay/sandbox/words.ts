// What the sandbox answers to which word (relay.md R4): the first word of the first text decides, and anything else is said again. Documented, so that clients build tests on it. Opens
// nothing and knows no clock.
import type { Part } from '../model.ts'
import type { ResponseWishes } from '../threads/response.ts'
import { firstWord } from './approve.ts'

/** One answer, after so many seconds of work. `isWhole`: its artifacts came before it. */
export type Step = { after?: number; say: ResponseWishes; isWhole?: true }

const MOST_SECONDS = 30
const MOST_CHUNKS = 20
const TABLE = 'name,amount\nlamp,2\nchair,4\n'

/** Empty: it never answers. `wasAsked`: the last thing that it said was a question. */
export function stepsFor(parts: readonly Part[], wasAsked: boolean): Step[] {
  if (wasAsked) return [{ say: { outcome: 'completed', parts: saidAgain(parts, 'You said: ') } }]
  const { word, rest } = firstWord(parts)
  // Whoever had to agree has: what stands behind the word is done.
  if (word === 'approve') return rest === '' ? [{ say: { text: 'Approved.' } }] : stepsFor([{ text: rest }], false)
  switch (word) {
    case 'artifact':
      return [{ say: { outcome: 'completed', text: 'A text, data and a file.', artifacts: artifacts() } }]
    case 'chunks':
      return chunks(within(rest, 3, MOST_CHUNKS))
    case 'ask':
      return [{ say: { outcome: 'ask', text: 'What shall I say?' } }]
    case 'slow':
      return slow(within(rest, 5, MOST_SECONDS))
    case 'message':
      return [{ say: { outcome: 'message', text: rest || 'A direct message.' } }]
    case 'fail':
      return [
        {
          say: {
            outcome: 'failed',
            text: 'It failed, as you wished.',
            error: { code: 'sandbox_failed', message: rest || 'As you wished.' },
          },
        },
      ]
    case 'reject':
      return [{ say: { outcome: 'rejected', text: rest || 'Refused, as you wished.' } }]
    case 'silent':
      return []
    case 'echo':
      return [{ say: rest === '' ? { text: 'echo' } : { text: rest } }]
    default:
      return [{ say: { parts: [...parts] } }]
  }
}

function within(rest: string, usual: number, most: number): number {
  const n = /^\d{1,4}$/.test(rest) ? Number(rest) : usual
  return Math.min(Math.max(n, 1), most)
}

const saidAgain = (parts: readonly Part[], before: string): Part[] =>
  parts.map((part) => (part.text === undefined ? part : { ...part, text: `${before}${part.text}` }))

const artifacts = () => [
  { artifact_id: 'text', name: 'A text', parts: [{ text: 'Made in the sandbox.' }] },
  { artifact_id: 'data', name: 'Data', parts: [{ data: { lamp: 2, chair: 4 } }] },
  {
    artifact_id: 'file',
    name: 'A file',
    parts: [{ raw: Buffer.from(TABLE).toString('base64'), media_type: 'text/csv', filename: 'sandbox.csv' }],
  },
]

const chunks = (n: number): Step[] => [
  ...Array.from({ length: n }, (_, i) => {
    const chunk = { artifact_id: 'chunks', name: 'One text in pieces', append: i > 0, last_chunk: i === n - 1 }
    return { say: { outcome: 'progress' as const, artifacts: [{ ...chunk, parts: [{ text: `piece ${i + 1} of ${n}\n` }] }] } }
  }),
  { say: { text: `One artifact in ${n} pieces.` }, isWhole: true },
]

const slow = (n: number): Step[] => [
  ...Array.from({ length: n - 1 }, (_, i) => ({
    after: 1,
    say: { outcome: 'progress' as const, text: `${i + 1} of ${n} seconds` },
  })),
  { after: 1, say: { outcome: 'completed', text: `Done after ${n} ${n === 1 ? 'second' : 'seconds'}.` } },
]
