// One reply that is from whom it says: a decision where the asker allows and the first line is a button's label or a model reads what people write, else a comment; and a word to its writer when it was
// not what they may have meant.
import { enqueue } from '@countersign/queue'
import { Problem } from '@countersign/sdk'
import { systemScope } from '../../../db/scope.ts'
import { tx } from '../../../db/tx.ts'
import { decideOnce, scopeOf } from '../../links/action.ts'
import type { Link } from '../../links/link.ts'
import { getTask } from '../../look.ts'
import { isFinal, type Status } from '../../state.ts'
import { addComment } from '../../talk/comments.ts'
import { choicesOf } from '../choices.ts'
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

export async function takeReply(house: EmailHouse, reply: Reply): Promise<Taken> {
  const { tenantId, link, text, request } = reply
  const scope = scopeOf(house.tasks, tenantId, link, request)
  const task = await getTask(house.tasks, scope, link.task_id)
  const isOver = isFinal(task.status as Status)
  const line = firstLine(text)
  const choice = task.answer_by_reply && !isOver ? choicesOf(task).choices.find(({ label }) => folded(label) === line) : undefined
  const answer = choice?.answer ?? (takesWords(task) ? { type: 'respond' as const, raw_text: text } : null)
  if (answer) {
    try {
      await decideOnce(house.tasks, scope, link, { ...answer, seen_revision: link.revision }, request)
      return { outcome: 'decision', reason: null }
    } catch (error) {
      if (!(error instanceof Problem) || error.status >= 500) throw error
      return keep(house, reply, scope, 'refused', error.code)
    }
  }
  if (isOver) return keep(house, reply, scope, 'late', null)
  return keep(house, reply, scope, task.answer_by_reply ? 'kept' : null, null)
}

async function keep(
  house: EmailHouse,
  { tenantId, link, text }: Reply,
  scope: ReturnType<typeof scopeOf>,
  word: Word | null,
  reason: string | null,
): Promise<Taken> {
  try {
    await addComment(house.tasks, scope, link.task_id, { body: text, purpose: word === 'late' ? 'late_answer' : 'comment' })
  } catch (error) {
    if (error instanceof Problem && error.status < 500) return { outcome: 'refused', reason: error.code }
    throw error
  }
  if (word !== null) await tellLater(house, tenantId, link.id, word)
  return { outcome: 'comment', reason }
}

/** By a job: the provider that posted the reply does not wait for a mail server. */
const tellLater = (house: EmailHouse, tenantId: string, linkId: string, word: Word) => {
  const scope = systemScope('mail', tenantId)
  return tx(house.tasks.db, scope, async (t) => {
    await enqueue(t, { kind: 'mail.tell', tenantId, payload: { link_id: linkId, word } })
  })
}
