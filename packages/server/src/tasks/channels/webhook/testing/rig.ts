// A program at an endpoint: it takes notices, keeps what it was sent, and answers with the endpoint's signature.
import { type Answer, clientOf, type House } from '#harness'
import { standardSignature } from '../../../../crypto/signature.ts'
import { randomBytes } from '../../../../crypto/token.ts'
import { endpoint, houseFor, openReceiver, type Receiver } from '../../../../webhooks/testing/receiver.ts'
import type { Message, Rig, Said } from '../../testing/conformance.ts'

const ACTIONS = '/api/v1/channels/webhook/actions'

export type Notice = {
  type: string
  data: { task_id: string; revision: number; update: boolean; actions: { type: string; label: string; url: string }[] } & Record<
    string,
    unknown
  >
}
export type Program = { house: House; receiver: Receiver; endpoint: { id: string; secret: string } }

export async function openProgram(): Promise<Program> {
  const receiver = await openReceiver()
  const house = await houseFor([receiver])
  return {
    house,
    receiver,
    endpoint: await endpoint(house, `${receiver.origin}/in`, { label: 'ops', events: 'tenant.suspended' }),
  }
}

export const noticesAt = ({ got }: Receiver): Notice[] =>
  got.map(({ body }) => JSON.parse(body) as Notice).filter(({ type }) => type === 'task.notice')

export const tokenOf = (notice: Notice, label: string): string =>
  notice.data.actions.find((one) => one.label === label)?.url.split('#')[1] ?? ''

/** Signed as Standard Webhooks say; `sign` is what a test gets wrong. */
export function act(
  { house, endpoint: { secret } }: Pick<Program, 'house' | 'endpoint'>,
  body: object | string,
  sign: { secret?: string; at?: number; over?: string } = {},
): Promise<Answer> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const timestamp = Math.floor(house.clock.now().getTime() / 1_000) + (sign.at ?? 0)
  const signature = standardSignature([sign.secret ?? secret], 'msg_1', timestamp, sign.over ?? text)
  const headers = { 'webhook-id': 'msg_1', 'webhook-timestamp': String(timestamp), 'webhook-signature': signature }
  return clientOf(house.url).post(ACTIONS, text, headers)
}

/** The conformance suite's way to this channel. */
export async function conformingRig(): Promise<Rig> {
  const program = await openProgram()
  const { house, receiver } = program
  const member = await house.member.person()
  let from = 0
  const bodyOf = ({ ref }: Message, response: Record<string, unknown>) => ({
    token: tokenOf(ref as Notice, 'Open'),
    answer: { type: 'respond', response },
    seen_revision: (ref as Notice).data.revision,
    person: { email: member.email },
  })
  const answer = async (message: Message, response: Record<string, unknown>): Promise<Said> => {
    const said = await act(program, bodyOf(message, response))
    if (said.status === 200) return { taken: true }
    const errors = (said.body.errors ?? []) as { path: string; message: string }[]
    const fields = Object.fromEntries(errors.map(({ path, message }) => [path.replace('/response/', ''), message]))
    return { taken: false, code: said.body.code, fields, by: said.body.by ?? null }
  }
  return {
    channel: 'webhook',
    house,
    entry: 'webhook:ops',
    person: { userId: member.id, email: member.email, displayName: member.displayName },
    messages: async () =>
      receiver.got
        .slice(from)
        .map(({ body }) => ({ text: body, ref: JSON.parse(body) as Notice }))
        .filter(({ ref }) => ref.type === 'task.notice'),
    answer,
    open: async (message) => (response) => answer(message, response),
    async forge(message, response) {
      const secret = `whsec_${randomBytes(32).toString('base64')}`
      return (await act(program, bodyOf(message, response), { secret })).status
    },
    shows: async ({ text }) => text,
    reachable: `127.0.0.1:${receiver.port}`,
    provider: {
      mode(how) {
        receiver.otherwise = how === 'slow' ? 'hang' : how === 'failing' ? 503 : how === 'limited' ? 429 : 204
        from = how === 'well' ? receiver.got.length : Number.POSITIVE_INFINITY
        if (how !== 'slow') receiver.release()
      },
    },
    close: async () => receiver.release(),
  }
}
