// The jobs of mail: ids in, one mail out.
import { defineKind, type Kind, retry } from '@countersign/queue'
import { systemScope } from '../../../db/scope.ts'
import { tx } from '../../../db/tx.ts'
import { isId } from '../../../std/id.ts'
import { linkOf } from '../../links/link.ts'
import { ChannelFault } from '../channel.ts'
import { tellByMail } from './channel.ts'
import type { EmailHouse } from './house.ts'
import { sendLetter } from './letter.ts'
import { WORDS, type Word } from './reply.ts'

type Tell = { link_id: string; word: Word }

function readTell(value: unknown): Tell {
  const { link_id, word } = value as Partial<Tell>
  if (!isId('lnk', link_id) || word === undefined || !Object.hasOwn(WORDS, word)) throw new TypeError('a link and a word')
  return { link_id, word }
}

function readLetter(value: unknown): { letter_id: string } {
  const { letter_id } = value as { letter_id?: unknown }
  if (!isId('ltr', letter_id)) throw new TypeError('letter_id is the id of a letter')
  return { letter_id }
}

export const emailJobs = (house: EmailHouse): Kind[] => [
  defineKind<unknown, { letter_id: string }>('mail.letter', {
    schema: readLetter,
    keepOutput: false,
    maxAttempts: 6,
    backoff: { base: '1m', cap: '20m' },
    run: ({ tenantId, payload }) => sendLetter(house, tenantId, payload.letter_id),
  }) as Kind,
  defineKind<unknown, Tell>('mail.tell', {
    schema: readTell,
    keepOutput: false,
    maxAttempts: 6,
    backoff: { base: '1m', cap: '20m' },
    async run({ tenantId, payload }) {
      const scope = systemScope('mail', tenantId)
      const link = await tx(house.tasks.db, scope, (t) => linkOf(t, scope, payload.link_id), { readOnly: true })
      if (!link?.email) return undefined
      try {
        const { task_id, email, display_name, notice_id } = link
        const to = { id: notice_id ?? link.id, tenantId, taskId: task_id, identity: null, email, displayName: display_name }
        await tellByMail(house, to, WORDS[payload.word])
        return undefined
      } catch (error) {
        if (!(error instanceof ChannelFault)) throw error
        return error.retry
          ? retry({ ...(error.afterMs === null ? {} : { after: error.afterMs }), error: error.message })
          : undefined
      }
    },
  }) as Kind,
]
