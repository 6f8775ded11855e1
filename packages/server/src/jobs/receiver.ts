// The queue's receiver on this server: answers to callbacks, signed by whoever a job was given to (queue.md Q130–Q135). The engine's receiver
// judges them; this only carries bytes there and problems back. Takes no cookie and no key of ours.
import { type CallbackAction, type KeySource, openKeyFile, openReceiver, type Queue, type Receiver } from '@countersign/queue'
import { Problem } from '@countersign/sdk'
import { type Route, route, s } from '../http/route.ts'
import { tenantUuid } from '../std/id.ts'
import type { Log } from '../std/log.ts'

/** The keys of CALLBACK_KEYS_FILE, read again when it changes; without a file there are none, and nothing that claims to be signed is believed. */
export function openCallbackKeys(file: string | null, log: Log): KeySource {
  if (file === null) return { read: async () => ({ keys: [], awa: [] }) }
  return openKeyFile(file, { log, tenantOf: (spoken) => tenantUuid(spoken) ?? spoken })
}

export const openCallbackReceiver = (queue: Queue, keys: KeySource, acceptV1: boolean, log: Log): Receiver =>
  openReceiver(queue, { keys, acceptV1, log })

const Settled = s.named(
  'SettledCallback',
  s.object({ id: s.text(), job_id: s.id('job'), state: s.text() }),
  'A callback that was answered, and the state of its job since.',
)
const lease = s.optional(s.int({ min: 0 })).describe('When given it must be that of the job.')

const BODIES = {
  complete: s.object({ payload: s.optional(s.json()), lease }),
  fail: s.object({ error: s.text({ min: 1, max: 8_192 }), retryable: s.optional(s.boolean()), lease }),
  heartbeat: s.object({ timeout_seconds: s.withDefault(s.int({ min: 1, max: 86_400 }), 3_600), lease }),
}

const SUMMARIES: Record<CallbackAction, string> = {
  complete: 'Answer a callback: its job completes, or goes on',
  fail: 'Fail a callback: its job fails for good, or, `retryable`, this attempt of it',
  heartbeat: 'Give a callback more time, from now on',
}

const SIGNED =
  'Signed by the header `Countersign-Callback-Signature`, over the bytes of the body (docs/queue/callbacks.md). The identical answer once more gets the reply of the first.'

/** The three doors of callbacks; what people do with callbacks stands elsewhere. */
export const isReceiver = (one: Route): boolean =>
  one.spec.selfAuthenticated === true && /^\/callbacks\/:id\/(complete|fail|heartbeat)$/.test(one.path)

export const receiverRoutes = (house: { receiver: Receiver }): Route[] =>
  (['complete', 'fail', 'heartbeat'] as const).map((action) =>
    route(
      `POST /callbacks/:id/${action}`,
      {
        summary: SUMMARIES[action],
        description: SIGNED,
        tag: 'callbacks',
        auth: 'none',
        selfAuthenticated: true,
        bucket: 'callback',
        idempotency: 'none',
        params: { id: s.text({ min: 1, max: 200 }) },
        body: BODIES[action],
        bytes: true,
        answers: { 200: Settled, 202: Settled },
        problems: [
          ...(['signature_invalid', 'signature_expired', 'not_found', 'lease_stale', 'callback_resolved'] as const),
          ...(['callback_expired', 'callback_replayed', 'payload_too_large', 'callback_expression_failed'] as const),
        ],
      },
      async ({ params: { id }, bytes, request, reply }) => {
        const header = (name: string) => request.header(name.toLowerCase()) ?? null
        if (!house.receiver.fits(id))
          throw new Problem('request_invalid', {
            errors: [{ path: '/id', code: 'invalid', message: 'This is not the id of a callback.' }],
          })
        const answer = await house.receiver.receive({ id, action, header, body: bytes })
        if (!('problem' in answer)) {
          reply.status(answer.status)
          return answer.body
        }
        const { problem, members, detail, cause } = answer
        const retry = problem === 'read_only' || problem === 'store_unavailable' ? { retry_after: 1 } : {}
        throw new Problem(problem, { ...members, ...retry, ...(detail === undefined ? {} : { detail }) }, { cause })
      },
    ),
  )
