// The routes of notices: schemas and one verb each.
import { type Route, route, s } from '../../http/route.ts'
import type { TasksHouse } from '../house.ts'
import { CHANNELS } from './grammar.ts'
import { listChannels, listNotices, listTroubles, resendNotice } from './list.ts'

const tag = 'tasks'
const Channel = s.oneOf(...CHANNELS)

export const NoticeBody = s.named(
  'Notice',
  s.object({
    id: s.id('ntc'),
    task_id: s.id('task'),
    revision: s.int({ min: 1 }),
    purpose: s.oneOf('asked', 'reminder', 'escalated', 'returned', 'revised', 'digest'),
    channel: Channel,
    identity: s.maybe(s.text()),
    target: s.maybe(s.text()).describe('Where it went; null for who may not see the content of the task.'),
    user_id: s.maybe(s.id('usr')),
    display_name: s.maybe(s.text()),
    state: s.oneOf('queued', 'sent', 'failed', 'rewritten', 'expired'),
    attempts: s.int({ min: 0 }),
    reasons: s.array(s.object({ at: s.text(), reason: s.text() })).describe('Of each attempt that failed.'),
    digest_id: s.maybe(s.id('ntc')).describe('The notice that tells of this one together with others.'),
    instead_of: s.maybe(s.id('ntc')).describe('The notice whose channel failed.'),
    created_at: s.time(),
    sent_at: s.maybe(s.time()),
    failed_at: s.maybe(s.time()),
    rewritten_at: s.maybe(s.time()),
  }),
  'One message about one task in one channel.',
)

export const noticeRoutes = (house: TasksHouse): Route[] => [
  route(
    'GET /tasks/:id/notices',
    {
      summary: 'List who was told of a task',
      tag,
      auth: 'any',
      action: 'task.read',
      params: { id: s.id('task') },
      answers: { 200: s.list(NoticeBody) },
      problems: ['not_found'],
    },
    ({ scope, params }) => listNotices(house, scope, params.id),
  ),
  route(
    'POST /tasks/:id/notices/:notice/resend',
    {
      summary: 'Tell somebody again',
      description: 'Writes another notice with the same target; only while the task is open.',
      tag,
      auth: 'any',
      action: 'task.update',
      params: { id: s.id('task'), notice: s.id('ntc') },
      answers: { 202: NoticeBody },
      problems: ['not_found', 'task_not_open', 'state_conflict'],
    },
    ({ scope, params }) => resendNotice(house, scope, params.id, params.notice),
  ),
  route(
    'GET /channels',
    {
      summary: 'List the channels: whether each is set up, and whether it gets through',
      tag: 'channels',
      auth: 'any',
      action: 'task.route',
      answers: {
        200: s.list(
          s.named(
            'ChannelState',
            s.object({
              channel: Channel,
              ready: s.boolean().describe('Whether it is set up for this tenant.'),
              failed: s.int({ min: 0 }).describe('Notices that it could not bring within the last day.'),
              last_sent_at: s.maybe(s.time()),
              last_failed_at: s.maybe(s.time()),
              last_reason: s.maybe(s.text()).describe('Why the last one that failed did.'),
            }),
          ),
        ),
      },
    },
    ({ scope }) => listChannels(house, scope),
  ),
  route(
    'GET /channels/troubles',
    {
      summary: 'List the channels by which notices failed within the hour',
      tag,
      auth: 'any',
      action: 'task.route',
      answers: {
        200: s.list(
          s.named(
            'ChannelTrouble',
            s.object({
              channel: Channel,
              failed: s.int({ min: 1 }),
              last_failed_at: s.time(),
              last_reason: s.maybe(s.text()),
            }),
          ),
        ),
      },
    },
    ({ scope }) => listTroubles(house, scope),
  ),
]
