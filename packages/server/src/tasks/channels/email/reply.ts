// One reply that is from whom it says: a decision where the asker allows and the first line is a button's label or a model reads what people write, else a comment; and a word to its writer when it was
// not what they may have meant.
import { enqueue } from '@countersign/queue'
import { Problem } from '@countersign/sdk'
import { type Scope, systemScope } from '../../../db/scope.ts'
import { tx } from '../../../db/tx.ts'
import { answered, scopeOf } from '../../links/action.ts'
import type { Link } from '../../links/link.ts'
import { isFinal, type Status } from '../../state.ts'
import type { Task } from '../../wire.ts'
import { choicesOf } from '../choices.ts'
import { type Reply as Answer, type Heard, heard } from '../heard.ts'
import { takesWords } from '../words.ts'
import type { EmailHouse } from './house.ts'
import { firstLine, folded } from './reply-text.ts'

export type Reply = {
  tenantId: string
  link: Link
  /** What was written anew. */
  text: string
  request: { id: string; address: string; client: string | null }
}
export type Taken = { outcome: 'comment' | 'decision' | 'refused'; reason: string | null }

/** What a person is told whose reply did not decide; the mail that says it holds no word of theirs. */
export const WORDS = {
  kept: 'Your reply was kept as a comment. It did not answer the question: the first line has to be one of the buttons’ words, or use the links of the mail.',
  late: 'Your reply was kept as a comment. The question was settled before it came.',
  refused: 'Your reply was kept as a comment. It could not be taken as an answer; open the task to see why.',
} as const
export type Word = keyof typeof WORDS

type Note = (taken: Taken) => Promise<Answer>

/** Looked at as its writer sees it; then an answer, or a remark. */
export function heardReply(house: EmailHouse, reply: Reply, note: Note): Heard {
  const { tenantId, link, request } = reply
  const person = scopeOf(house.tasks, tenantId, link, request)
  const said = { reply, note, person }
  return heard({ person, from: request, done: async ({ task }) => next(house, said, task as Task) }, { verb: 'read' })
}

type Said = { reply: Reply; note: Note; person: Scope }

function next(house: EmailHouse, said: Said, task: Task): Heard {
  const { link, text, request } = said.reply
  const isOver = isFinal(task.status as Status)
  const line = firstLine(text)
  const choice = task.answer_by_reply && !isOver ? choicesOf(task).choices.find(({ label }) => folded(label) === line) : undefined
  const answer = choice?.answer ?? (takesWords(task) ? { type: 'respond' as const, raw_text: text } : null)
  if (answer)
    return {
      ...answered(said.person, link, { ...answer, seen_revision: link.revision }, request),
      done: () => said.note({ outcome: 'decision', reason: null }),
      async refused(error) {
        if (!(error instanceof Problem) || error.status >= 500) throw error
        return keep(house, said, 'refused', error.code)
      },
    }
  return keep(house, said, isOver ? 'late' : task.answer_by_reply ? 'kept' : null, null)
}

function keep(house: EmailHouse, { reply, note, person }: Said, word: Word | null, reason: string | null): Heard {
  const { tenantId, link, text, request } = reply
  return heard(
    {
      person,
      from: request,
      async done() {
        if (word !== null) await tellLater(house, tenantId, link.id, word)
        return note({ outcome: 'comment', reason })
      },
      async refused(error) {
        if (error instanceof Problem && error.status < 500) return note({ outcome: 'refused', reason: error.code })
        throw error
      },
    },
    { verb: 'comment', body: { body: text, purpose: word === 'late' ? 'late_answer' : 'comment' } },
  )
}

/** By a job: the provider that posted the reply does not wait for a mail server. */
const tellLater = (house: EmailHouse, tenantId: string, linkId: string, word: Word) => {
  const scope = systemScope('mail', tenantId)
  return tx(house.tasks.db, scope, async (t) => {
    await enqueue(t, { kind: 'mail.tell', tenantId, payload: { link_id: linkId, word } })
  })
}
