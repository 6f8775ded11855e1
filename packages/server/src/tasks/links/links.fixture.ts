// What the tests of links share: a link as a channel makes it, and the page that its person opens.
import { type Answer, clientOf, type House } from '#harness'
import { systemScope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { type MadeLink, makeLinks, type Reader, type Wanted } from './link.ts'

export const ACTION = '/api/v1/channels/email/action'
export const YES: Wanted = {
  purpose: 'answer',
  choice: { label: 'Yes', answer: { type: 'respond', response: { approve: true } } },
}
export const NO: Wanted = {
  purpose: 'answer',
  choice: { label: 'No', answer: { type: 'respond', response: { approve: false } } },
}

export const readerOf = (person: { id: string; email: string; displayName: string }): Reader => ({
  userId: person.id,
  email: person.email,
  displayName: person.displayName,
  vouched: false,
})

export async function linksTo(house: House, taskId: string, reader: Reader, wanted: Wanted[] = [YES, NO]): Promise<MadeLink[]> {
  const { body } = await house.agent.get(`/api/v1/tasks/${taskId}`)
  const task = { id: taskId, revision: body.revision, deadline_at: new Date(body.deadline_at) }
  const scope = systemScope('test', house.tenantId)
  const told = { channel: 'email', task, reader, noticeId: null } as const
  return tx(house.db, scope, (t) => makeLinks(house.server.identity, t, scope, told, wanted))
}

/** As the page of a link asks: with the token it looks, with the nonce it answers. */
export function pageOf(house: House, token: string) {
  const nobody = clientOf(house.url)
  return {
    look: (): Promise<Answer> => nobody.post(ACTION, { token }),
    send: (nonce: string, answer?: object): Promise<Answer> =>
      nobody.post(ACTION, { token, nonce, ...(answer ? { answer } : {}) }),
    async answer(answer?: object): Promise<Answer> {
      const seen = await nobody.post(ACTION, { token })
      return seen.status === 200 ? nobody.post(ACTION, { token, nonce: seen.body.nonce, ...(answer ? { answer } : {}) }) : seen
    },
  }
}
