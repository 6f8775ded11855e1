// A house with a mail identity whose server is a sink on this machine, and a person who reads there.
import { expect } from 'vitest'
import { type House, type Person, type SetupOptions, setup } from '#harness'
import { pageOf } from '../../../links/links.fixture.ts'
import type { Message, Rig, Said } from '../../testing/conformance.ts'
import { openSink, reviewIn, type Sink, type Taken } from './sink.ts'

export type MailRig = { house: House; sink: Sink; member: Person }

export async function mailRig(options: SetupOptions = {}): Promise<MailRig> {
  const sink = await openSink()
  const allowed = [`127.0.0.1:${sink.port}`, options.settings?.EGRESS_ALLOW ?? []].flat().join()
  const house = await setup({ ...options, settings: { ...options.settings, EGRESS_ALLOW: allowed } })
  await addIdentity(house, sink)
  return { house, sink, member: await house.member.person() }
}

export async function addIdentity(house: House, { port }: Pick<Sink, 'port'>, more: Record<string, unknown> = {}) {
  const made = await house.alice.post('/api/v1/channels/email/identities', {
    id: 'main',
    display_name: 'Countersign',
    from_email: 'countersign@example.com',
    transport: 'smtp',
    settings: { host: '127.0.0.1', port, security: 'none' },
    ...more,
  })
  expect(made.status, JSON.stringify(made.body)).toBe(201)
  return made.body
}

/** The conformance suite's way to this channel. */
export async function conformingRig(): Promise<Rig> {
  const { house, sink, member } = await mailRig()
  return {
    channel: 'email',
    house,
    entry: `email:${member.email}`,
    person: { userId: member.id, email: member.email, displayName: member.displayName },
    messages: async () => sink.took.filter(({ envelope }) => envelope.to.includes(member.email)).map(messageOf),
    async answer(message, response) {
      const open = await openPage(house, message)
      return open(response)
    },
    open: (message) => openPage(house, message),
    async forge({ ref }, response) {
      const { body } = await pageOf(house, reviewIn(ref as Taken)).look()
      const forged = await pageOf(house, body.session).send(`${body.nonce}A`, { type: 'respond', response })
      return forged.status
    },
    shows: async ({ ref }) => JSON.stringify((await pageOf(house, reviewIn(ref as Taken)).look()).body),
    reachable: `127.0.0.1:${sink.port}`,
    provider: { mode: (how) => sink.mode(how) },
    close: async () => sink.mode('well'),
  }
}

const messageOf = (mail: Taken): Message => ({ text: `${mail.subject}\n${mail.text}`, ref: mail })

/** As the page does: look by the link, go on by its session, send with its nonce. */
async function openPage(house: House, { ref }: Message): Promise<(response: Record<string, unknown>) => Promise<Said>> {
  const token = reviewIn(ref as Taken)
  const seen = await pageOf(house, token).look()
  if (seen.status !== 200) return async () => saidOf(seen)
  return async (response) => saidOf(await pageOf(house, seen.body.session).send(seen.body.nonce, { type: 'respond', response }))
}

function saidOf({ status, body }: Awaited<ReturnType<ReturnType<typeof pageOf>['look']>>): Said {
  if (status === 200) return { taken: true }
  const errors = (body.errors ?? []) as { path: string; message: string }[]
  const fields = Object.fromEntries(errors.map(({ path, message }) => [path.replace('/response/', ''), message]))
  return { taken: false, code: body.code, fields, by: body.by ?? null }
}
