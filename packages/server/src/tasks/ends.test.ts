// Whatever ends a task (A17): one event, one delivery to each endpoint under one id, every notice rewritten to the end, and the right channel and person. What people
// answer through mail, Slack, endpoints and embedded pages is held to the same by the suite of channels.
import { expect, test } from 'vitest'
import { clientOf, type House } from '#harness'
import { endpoint, type Receiver } from '../webhooks/testing/receiver.ts'
import { noticesAt, openProgram } from './channels/webhook/testing/rig.ts'
import { answer, REFUND } from './tasks.fixture.ts'

const ENDS = ['task.completed', 'task.timed_out', 'task.cancelled', 'task.verification_exhausted']
const NEVER = { provider: 'rules', max_attempts: 1, rules: [{ schema: { required: ['nothing'] }, message: 'No.' }] }

type End = {
  more?: object
  /** Brings the end about. */
  by(house: House, id: string): Promise<unknown>
  is: Record<string, unknown>
}

const decide = (house: House, id: string) =>
  house.bob.post(`/api/v1/tasks/${id}/decide`, answer({ approved: true }, { reason: 'seen' }))
const pass = (house: House) => house.clock.advance('61m')
const nobody = { completed_by_user_id: null, completed_by_display_name: null }

const PATHS: Record<string, End> = {
  dashboard: {
    by: decide,
    is: { status: 'completed', outcome: 'answered', completed_via_channel: 'dashboard', completed_by_display_name: 'Bob' },
  },
  'a personal key': {
    async by(house, id) {
      const key = await house.given.key({ kind: 'usr', scopes: ['tasks:*'] }, house.bob)
      const body = answer({ approved: true }, { reason: 'seen' })
      return clientOf(house.url, { bearer: key.secret }).post(`/api/v1/tasks/${id}/decide`, body)
    },
    is: { status: 'completed', outcome: 'answered', completed_via_channel: 'api', completed_by_display_name: 'Bob' },
  },
  default: {
    more: { on_timeout: { default: { approved: false } } },
    by: pass,
    is: { status: 'completed', outcome: 'defaulted', response: { approved: false }, completed_via_channel: 'timeout', ...nobody },
  },
  denial: {
    more: { on_timeout: 'deny' },
    by: pass,
    is: { status: 'completed', outcome: 'denied', completed_via_channel: 'timeout', ...nobody },
  },
  expiry: { by: pass, is: { status: 'timed_out', outcome: null, completed_via_channel: null, ...nobody } },
  cancel: {
    by: (house, id) => house.agent.post(`/api/v1/tasks/${id}/cancel`, { reason: 'No longer needed.' }),
    is: { status: 'cancelled', outcome: null, completed_via_channel: null, ...nobody },
  },
  exhaustion: {
    more: { verifier_config: NEVER },
    by: decide,
    is: { status: 'verification_exhausted', outcome: null, completed_via_channel: 'dashboard', completed_by_display_name: 'Bob' },
  },
}

const of = (receiver: Receiver, path: string) =>
  receiver.got
    .filter((one) => one.path === path)
    .map(({ body, headers }) => ({ body: JSON.parse(body), id: headers['webhook-id'] }))

test.each(Object.entries(PATHS))(
  'T11 T105 A17 an end by %s: one event, one delivery each, one rewritten notice, the right channel and person',
  async (_name, { more, by, is }) => {
    const { house, receiver } = await openProgram()
    for (const path of ['/one', '/two'])
      await endpoint(house, `${receiver.origin}${path}`, { label: path.slice(1), events: ENDS })
    const { id } = await house.given.task({ ...REFUND, ...more, notify: ['webhook:ops'] })
    await house.runJobs()
    expect(noticesAt(receiver).map(({ data }) => [data.update, data.status])).toEqual([[false, 'open']])

    await by(house, id)
    await house.runJobs()
    // Whatever comes late changes nothing: an answer, a withdrawal, the deadline.
    expect((await decide(house, id)).body.code).toBe('task_not_open')
    await house.agent.post(`/api/v1/tasks/${id}/cancel`, { reason: 'late' })
    await pass(house)
    await house.runJobs()

    const task = (await house.agent.get(`/api/v1/tasks/${id}`)).body
    expect(task).toMatchObject(is)
    const { data: events } = (await house.alice.get(`/api/v1/events?resource=${id}&limit=200`)).body
    const ends = events.filter(({ type }: { type: string }) => ENDS.includes(type))
    expect(ends).toMatchObject([{ type: `task.${is.status}`, data: { to: is.status, channel: is.completed_via_channel } }])
    for (const path of ['/one', '/two']) {
      const got = of(receiver, path)
      expect(got.map(({ body }) => body.type)).toEqual([`task.${is.status}`])
      expect(got[0]?.body.id).toBe(ends[0].id)
    }
    const told = noticesAt(receiver).filter(({ data }) => data.task_id === id && data.update)
    expect(told.map(({ data }) => data.status)).toEqual([is.status])
    expect(told[0]?.data.actions).toEqual([])
  },
)
