// The routes of links: the one door of the answer page, and what a task says of its links.
import { type Route, route, s } from '../../http/route.ts'
import { receiveBy } from '../channels/receive.ts'
import type { TasksHouse } from '../house.ts'
import { DECIDE_PROBLEMS } from '../routes.ts'
import { taskId } from '../shapes.ts'
import type { LinkAct } from './action.ts'
import { type LinkAnswer, listTaskLinks, revokeTaskLink } from './link.ts'
import { AnswerBody, LINK_PROBLEMS, LinkActBody, LinkAnswered, LinkDone, LinkView, TaskLink, Token } from './shapes.ts'

const tag = 'tasks'
export const linkRoutes = (house: TasksHouse): Route[] => [
  route(
    'POST /channels/email/action',
    {
      summary: 'Look at the task behind a link, or answer it',
      description:
        'With the token alone it reads: the question, and a nonce. With that nonce it decides, once; a link whose answer was refused works again. In the session of a review link `act` claims, gives back, comments or sends back in place of an answer.',
      tag,
      auth: 'none',
      bucket: 'link.address',
      mixed: true,
      idempotency: 'none',
      body: s.object({
        token: Token,
        nonce: s.optional(s.line({ max: 300 })),
        answer: s.optional(AnswerBody),
        act: s.optional(LinkActBody),
      }),
      maxBody: 2 * 1_048_576,
      answers: { 200: s.either(LinkView, LinkAnswered, LinkDone) },
      problems: [...LINK_PROBLEMS, ...DECIDE_PROBLEMS, 'state_conflict', 'content_erased'],
    },
    ({ body: { answer, act, ...body }, request, limits }) =>
      receiveBy(house, 'email', {
        door: 'link',
        ask: { ...body, answer: answer as LinkAnswer | undefined, act: act as LinkAct | undefined },
        ...{ request, limits },
      }),
  ),
  route(
    'GET /tasks/:id/links',
    {
      summary: 'List the links of a task',
      tag,
      auth: 'any',
      action: 'task.timeline',
      params: taskId,
      answers: { 200: s.list(TaskLink) },
      problems: ['not_found'],
    },
    ({ scope, params }) => listTaskLinks(house, scope, params.id),
  ),
  route(
    'DELETE /tasks/:id/links/:link',
    {
      summary: 'Revoke a link',
      tag,
      auth: 'any',
      action: 'task.update',
      params: { ...taskId, link: s.id('lnk') },
      answers: { 204: null },
      problems: ['not_found'],
    },
    ({ scope, params }) => revokeTaskLink(house, scope, params.id, params.link),
  ),
]
