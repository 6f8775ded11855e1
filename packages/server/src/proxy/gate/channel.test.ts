import { X509Certificate } from 'node:crypto'
import { connect } from 'node:tls'
import { Problem } from '@countersign/sdk'
import { expect, onTestFinished, test } from 'vitest'
import { makeCertificate } from '../../http/testing/certificate.ts'
import { systemClock } from '../../std/clock.ts'
import { openLog } from '../../std/log.ts'
import { dialChannel, type Identity, serveChannel, type Verbs } from './channel.ts'

const log = openLog({ level: 'silent' })
const fingerprint = ({ certificate: pem }: Identity) => new X509Certificate(pem).fingerprint256.replaceAll(':', '').toLowerCase()

async function identity(): Promise<Identity> {
  const { cert, key } = await makeCertificate()
  return { key, certificate: cert }
}

async function gate(verbs: Verbs, admitted: (fingerprint: string) => boolean = () => true) {
  const own = await identity()
  const knocked: string[] = []
  const admit = async (who: string) => {
    knocked.push(who)
    return admitted(who) ? verbs : null
  }
  const server = await serveChannel({ identity: own, admit, host: '127.0.0.1', port: 0, log })
  onTestFinished(() => server.close())
  const dial = (as: Identity, pinned = fingerprint(own), said = log) => {
    const client = dialChannel({
      identity: as,
      host: '127.0.0.1',
      port: server.port,
      fingerprint: pinned,
      clock: systemClock,
      log: said,
    })
    onTestFinished(() => client.close())
    return client
  }
  return { own, server, dial, knocked }
}
const opened = (client: { isOpen(): boolean }) => expect.poll(() => client.isOpen(), { timeout: 10_000, interval: 10 }).toBe(true)

test('V80 a pinned node calls a verb and hears its answer, or the problem', async () => {
  const { dial } = await gate({
    echo: async (params) => params,
    refuse: async () => Promise.reject(new Problem('run_ended', { run_id: 'run_1' })),
    break: async () => Promise.reject(new Error('a secret of ours')),
  })
  const client = dial(await identity())
  await opened(client)
  expect(await client.call('echo', { text: 'ü\n"' })).toEqual({ text: 'ü\n"' })
  await expect(client.call('refuse', {})).rejects.toMatchObject({ code: 'run_ended', members: { run_id: 'run_1' } })
  const broken = client.call('break', {})
  await expect(broken).rejects.toMatchObject({ code: 'internal' })
  await expect(broken).rejects.not.toThrow(/secret/)
  const large = 'x'.repeat(1_500_000)
  expect(await client.call('echo', large)).toBe(large)
})

test('V80 calls answer in their own time', async () => {
  let release = (): void => undefined
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const { dial } = await gate({ slow: () => held.then(() => 'slow'), fast: async () => 'fast' })
  const client = dial(await identity())
  await opened(client)
  const slow = client.call('slow', {})
  expect(await client.call('fast', {})).toBe('fast')
  release()
  expect(await slow).toBe('slow')
})

test('V80 a node that asks more at once than a line takes has the rest wait, and loses nothing', async () => {
  let release = (): void => undefined
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  let running = 0
  let most = 0
  const { dial } = await gate({
    async slow(params) {
      most = Math.max(most, ++running)
      await held
      running--
      return params
    },
  })
  const client = dial(await identity())
  await opened(client)
  const all = Promise.all(Array.from({ length: 700 }, (_, i) => client.call('slow', i)))
  await expect.poll(() => running, { timeout: 10_000, interval: 10 }).toBe(256)
  release()
  expect(await all).toEqual(Array.from({ length: 700 }, (_, i) => i))
  expect([most, client.isOpen()]).toEqual([256, true])
})

test('V80 an unknown fingerprint is closed before a byte is read', async () => {
  const calls: unknown[] = []
  const { dial, knocked } = await gate({ echo: async (params) => calls.push(params) }, () => false)
  const stranger = await identity()
  const client = dial(stranger)
  await expect.poll(() => knocked.length, { timeout: 10_000, interval: 10 }).toBeGreaterThan(0)
  await expect(client.call('echo', {})).rejects.toMatchObject({ code: 'control_unreachable' })
  expect(calls).toEqual([])
  expect(knocked[0]).toBe(fingerprint(stranger))
})

test('V80 who shows no certificate, and who speaks an older TLS, is nobody', async () => {
  const { server, knocked } = await gate({})
  const ended = (options: object) =>
    new Promise<void>((resolve) => {
      const socket = connect({ host: '127.0.0.1', port: server.port, rejectUnauthorized: false, ...options })
      socket.on('error', () => undefined)
      socket.once('close', () => resolve())
    })
  await ended({})
  await ended({ maxVersion: 'TLSv1.2' })
  expect(knocked).toEqual([])
})

test('V80 a node does not speak to a gate with another certificate', async () => {
  const calls: unknown[] = []
  const { dial } = await gate({ echo: async (params) => calls.push(params) })
  const lines: string[] = []
  const client = dial(await identity(), fingerprint(await identity()), openLog({ sink: (line) => lines.push(line) }))
  await expect.poll(() => lines.join(''), { timeout: 10_000, interval: 10 }).toContain('another certificate')
  expect(client.isOpen()).toBe(false)
  await expect(client.call('echo', {})).rejects.toMatchObject({ code: 'control_unreachable' })
  expect(calls).toEqual([])
})

test('V81 whoever asks for another verb, or speaks no JSON, is closed', async () => {
  const { dial, server } = await gate({ echo: async (params) => params })
  const client = dial(await identity())
  await opened(client)
  await expect(client.call('toString', {})).rejects.toMatchObject({ code: 'control_unreachable' })
  const own = await identity()
  const socket = connect({ host: '127.0.0.1', port: server.port, key: own.key, cert: own.certificate, rejectUnauthorized: false })
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  socket.on('error', () => undefined)
  socket.write('hello\n')
  await closed
})

test('V82 a broken line refuses what waited on it, and comes back by itself', async () => {
  const { dial, server, own } = await gate({ never: () => new Promise(() => undefined) })
  const client = dial(await identity())
  await opened(client)
  const waiting = client.call('never', {})
  await server.close()
  await expect(waiting).rejects.toMatchObject({ code: 'control_unreachable' })
  const again = await serveChannel({
    identity: own,
    admit: async () => ({ echo: async (params) => params }),
    host: '127.0.0.1',
    port: server.port,
    log,
  })
  onTestFinished(() => again.close())
  await opened(client)
  expect(await client.call('echo', 1)).toBe(1)
})

test('V80 §10.2 two replicas on different releases: the gate protocol version is negotiated, what the older one lacks is refused, and without a common version there is no line', async () => {
  const said: string[] = []
  const loud = openLog({ level: 'warn', sink: (line) => void said.push(line) })
  const since = { explain: 2 }
  const verbs = { open: async () => 'opened', explain: async () => 'explained' }
  const pair = async (ours: number[], theirs: number[]) => {
    const own = await identity()
    const server = await serveChannel({
      ...{ identity: own, admit: async () => verbs, host: '127.0.0.1', port: 0, log: loud },
      ...{ protocols: ours, since },
    })
    onTestFinished(() => server.close())
    const client = dialChannel({
      ...{ identity: await identity(), host: '127.0.0.1', port: server.port, fingerprint: fingerprint(own), clock: systemClock },
      ...{ log: loud, protocols: theirs, since },
    })
    onTestFinished(() => client.close())
    return client
  }
  const both = await pair([1, 2], [1, 2])
  await opened(both)
  expect([both.protocol(), await both.call('open', {}), await both.call('explain', {})]).toEqual([2, 'opened', 'explained'])
  expect(said).toEqual([])

  // An older gate is not asked what it lacks, and its line stays.
  const newer = await pair([1], [1, 2])
  await opened(newer)
  await expect(newer.call('explain', {})).rejects.toMatchObject({
    code: 'control_unreachable',
    members: { detail: 'The gate is of an older release: its protocol 1 has no explain.' },
  })
  expect([newer.protocol(), await newer.call('open', {})]).toEqual([1, 'opened'])

  // An older node is told of by the gate, and served as it always was.
  const older = await pair([1, 2], [1])
  await opened(older)
  expect([older.protocol(), await older.call('open', {})]).toEqual([1, 'opened'])
  await expect.poll(() => said.join(''), { timeout: 10_000 }).toContain('a node of another release')

  const strangers = await pair([3], [1, 2])
  await expect.poll(() => said.join(''), { timeout: 10_000 }).toContain('speaks no version of the protocol')
  expect(strangers.protocol()).toBeNull()
  await expect(strangers.call('open', {})).rejects.toMatchObject({ code: 'control_unreachable' })
})
