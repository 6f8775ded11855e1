// The command on both sides of a thread, against a server of this test: what strangers wrote steers no terminal, a program answers from behind NAT, and a tail ends with its thread.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { verifyWebhook } from '@countersign/sdk'
import { expect, onTestFinished, test } from 'vitest'
import { seal } from '../../packages/server/src/relay/testing/leaving.ts'
import { type Loose, openRelay } from '../../packages/server/src/relay/testing/relay.ts'
import { openReceiver } from '../../packages/server/src/webhooks/testing/receiver.ts'
import { buildCommand, start } from '../harness/process.ts'

const soon = { timeout: 20_000, interval: 50 }

async function openShell(url: string) {
  const cli = await buildCommand()
  const home = mkdtempSync(join(tmpdir(), 'cli-relay-'))
  onTestFinished(() => rmSync(home, { recursive: true, force: true }))
  const run = (key: string, words: string[], input?: string) =>
    start(process.execPath, [cli, 'relay', ...words], {
      ...(input === undefined ? {} : { input }),
      env: { HOME: home, COUNTERSIGN_HOME: home, COUNTERSIGN_URL: url, COUNTERSIGN_KEY: key },
    })
  const said = async (key: string, words: string[]): Promise<{ text: string; code: number | null }> => {
    const running = run(key, words)
    const { code } = await running.ended
    return { text: running.stdout() + running.stderr(), code }
  }
  const json = async (key: string, words: string[]): Promise<Loose> => {
    const running = run(key, [...words, '--json'])
    await running.ended
    return JSON.parse(running.stdout())
  }
  return { run, said, json }
}

test('R126 a thread by commands: started, answered by a program, followed to its end; each result is one object with --json', {
  timeout: 120_000,
}, async () => {
  const there = await openRelay()
  const { house, card, server, caller, grant } = there
  const { run, said, json } = await openShell(house.url)
  const program = `node -e 'let t="";process.stdin.on("data",(c)=>{t+=c}).on("end",()=>{const {message}=JSON.parse(t);console.log("You said "+message.parts[0].text+(process.env.COUNTERSIGN_KEY??""))})'`
  const worker = run(server.key, ['serve', card.slug, '--exec', program])
  const started = await json(caller.key, ['start', card.slug, 'hello', '--wait', '20'])
  expect(started).toMatchObject({ v: 1, response: { state: 'responded', parts: [{ text: 'You said hello' }] } })
  const id = started.thread_id
  const tail = run(caller.key, ['tail', id, '--after', '2'])
  await tail.line(/thread\.responded/)
  expect((await said(caller.key, ['send', id, 'again', '--wait', '20'])).text).toContain('You said again')
  expect((await said(caller.key, ['close', id])).text).toContain('closed, completed')
  expect(await tail.ended).toMatchObject({ code: 0 })
  const numbers = [...tail.stdout().matchAll(/^ +(\d+) /gm)].map(([, n]) => Number(n))
  expect(numbers).toEqual(numbers.map((_, i) => i + 3))
  expect(tail.stdout().trim().split('\n').at(-1)).toContain('thread.closed')
  expect((await said(caller.key, ['thread', id])).text).toMatch(/caller Caller\n +hello[\s\S]*You said hello/)
  expect(await json(caller.key, ['thread', id])).toMatchObject({
    v: 1,
    id,
    state: 'closed',
    messages: [{ side: 'caller' }, {}, {}, {}, {}, {}],
  })
  worker.child.kill('SIGTERM')
  expect(await worker.ended).toMatchObject({ code: 0 })

  // With a relay token alone the thread token of the start is what reads.
  const shown = await json(grant.token, ['start', card.slug, 'more', '--want-token'])
  expect((await said(grant.token, ['thread', shown.thread_id])).code).toBe(10)
  expect((await said(shown.thread_access_token, ['thread', shown.thread_id])).text).toContain('queued')
})

test('R126 a program that fails gives its message back; one that prints an object says with it how the thread goes on', {
  timeout: 120_000,
}, async () => {
  const there = await openRelay()
  const { house, card, server } = there
  const { run } = await openShell(house.url)
  const { thread_id: id } = (await there.start()).body
  const fails = run(server.key, ['serve', card.slug, '--exec', 'exit 3'])
  await expect.poll(async () => (await there.thread(id)).state, soon).toBe('queued')
  await expect.poll(() => fails.stderr(), soon).toContain('the program ended with 3')
  fails.child.kill('SIGTERM')
  await fails.ended
  await house.clock.advance('6s')
  run(server.key, ['serve', card.slug, '--exec', `echo '{"outcome":"ask","text":"which one?"}'`])
  await expect.poll(async () => (await there.thread(id)).state, soon).toBe('waiting_caller')
})

test('R126 §12.36 escapes, right-to-left marks and HTML in names and messages are shown and never sent to the terminal', {
  timeout: 120_000,
}, async () => {
  const there = await openRelay()
  const { house, server, card } = there
  const { said } = await openShell(house.url)
  const hostile = '\u001b]0;mine\u0007\u001b[2J\u202egnp.exe <img src=x>\nsecond \u009b31m line'
  await house.admin.run`update relay_grants set label = ${'Caller\u001b[31m'}`
  const { thread_id: id } = (await there.start({ text: hostile })).body
  for (const words of [
    ['thread', id],
    ['inbox', card.slug],
    ['grants', 'list'],
  ]) {
    const { text, code } = await said(server.key, words)
    expect([words[0], code]).toEqual([words[0], 0])
    // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/)
    expect(text).toContain('\\u001b')
  }
  expect((await said(server.key, ['thread', id])).text).toContain('\\u202egnp.exe <img src=x>\n')
})

test('R126 R24 a request is made, agreed to more narrowly, its token fetched once, and the relay grant rotated and revoked', {
  timeout: 120_000,
}, async () => {
  const there = await openRelay()
  const { house } = there
  const { said, json } = await openShell(house.url)
  const { relayAgent } = await import('../../packages/server/src/relay/testing/relay.ts')
  const { leastCard } = await import('../../packages/server/src/relay/cards/testing/cards.ts')
  const personal = (await house.given.key({ kind: 'usr', scopes: ['connection_requests:*', 'relay_grants:*', 'tasks:*'] })).secret
  expect((await house.alice.post('/api/v1/cards', leastCard('ada-travel'))).status).toBe(201)
  const asker = await relayAgent(house, there.bea, 'asker', there.callerTenant)
  const made = await json(asker.key, ['request', 'ada-travel', '--purpose', 'to book \u001b[31m'])
  expect(made).toMatchObject({ state: 'pending' })
  expect((await said(personal, ['requests'])).text).toContain('to book \\u001b[31m')
  const { text, code } = await said(personal, ['approve', made.id, '--expires', '7d'])
  expect([code, text]).toMatchObject([0, expect.stringContaining('approved')])
  const token = (await json(asker.key, ['collect', made.id])).relay_token
  expect(token).toMatch(/^cs_live_rly_/)
  expect((await said(asker.key, ['collect', made.id])).code).toBe(19)
  expect((await json(token, ['grants', 'introspect'])).active).toBe(true)
  const [grant] = (await json(asker.key, ['grants', 'list', '--agent', 'ada-travel'])).data
  expect(grant).toMatchObject({ token_lifetime_seconds: 7 * 86_400 })
  expect((await said(asker.key, ['grants', 'rotate', grant.id, '--overlap', '0'])).text).toMatch(/cs_live_rly_\w+\nKeep it now/)
  expect((await said(token, ['start', 'ada-travel', 'hello'])).code).toBe(10)
  expect((await said(personal, ['grants', 'revoke', grant.id, '--yes'])).text).toContain('revoked, and 0 open threads')
  const again = await json(asker.key, ['request', 'ada-travel', '--purpose', 'once more'])
  expect((await said(personal, ['deny', again.id, '--reason', 'no'])).text).toContain('denied')
})

test('R110 R109 R126 one side is exported to a file that verifies with no server, and erased with a receipt, by a person who signs in for it', {
  timeout: 180_000,
}, async () => {
  const there = await openRelay()
  const { house } = there
  const cli = await buildCommand()
  const home = mkdtempSync(join(tmpdir(), 'cli-leaving-'))
  onTestFinished(() => rmSync(home, { recursive: true, force: true }))
  const password = randomBytes(12).toString('hex')
  const ada = await house.given.user({ role: 'owner', password })
  const { body } = await ada.post('/api/v1/keys', { kind: 'usr', name: 'mine', scopes: ['*'] })
  const run = async (words: string[]) => {
    const env = {
      HOME: home,
      COUNTERSIGN_HOME: home,
      COUNTERSIGN_URL: house.url,
      COUNTERSIGN_KEY: body.token,
      PASSWORD: password,
    }
    const running = start(process.execPath, [cli, ...words], { env })
    const { code } = await running.ended
    return { out: running.stdout(), err: running.stderr(), code }
  }
  const { thread_id: id } = (await there.start({ text: 'hello' })).body
  const file = join(home, 'side.jsonl')
  // Sealing and jobs, as the server's own loops do them, while the command waits.
  let left = false
  const working = (async () => {
    while (!left) {
      await seal(house)
      await house.runJobs()
      await new Promise((resume) => setTimeout(resume, 100))
    }
  })()
  onTestFinished(() => {
    left = true
    return working
  })
  const signIn = ['--email', ada.email, '--password-from-env', 'PASSWORD']
  const exported = await run(['relay', 'export', id, '--out', file, '--json', ...signIn])
  expect([exported.code, exported.err]).toEqual([0, ''])
  expect(JSON.parse(exported.out)).toMatchObject({ v: 1, subject: 'thread', subject_id: id, state: 'ready', file })
  const verified = await run(['audit', 'verify', file])
  expect([verified.code, verified.out]).toEqual([0, expect.stringContaining('1 threads, 1 messages')])
  const plan = await run(['relay', 'erase', id, '--plan', ...signIn])
  expect([plan.code, plan.out]).toEqual([0, expect.stringContaining('takes away 1 messages of 1 threads (1 open)')])
  const erased = await run(['relay', 'erase', id, '--yes', '--json', ...signIn])
  expect([erased.code, JSON.parse(erased.out)]).toMatchObject([
    0,
    { state: 'done', counts: { messages: 1 }, receipt: { receipt: expect.any(String) } },
  ])
  const again = await run(['relay', 'export', id, '--out', file, ...signIn])
  expect(again.code).toBe(0)
  expect((await run(['audit', 'verify', file])).out).toMatch(/erased +1 messages, on request/)
})

test('R126 R66 a thread tells where the command says: its secret is made and shown once, or piped in, and never a word', {
  timeout: 120_000,
}, async () => {
  const receiver = await openReceiver()
  const there = await openRelay({ settings: { EGRESS_HTTP: '1', EGRESS_ALLOW: `127.0.0.1:${receiver.port}` } })
  const { house, card, caller } = there
  const { run, said, json } = await openShell(house.url)
  const url = `${receiver.origin}/told`
  const begun = await json(caller.key, [
    'start',
    card.slug,
    'hello',
    '--callback',
    url,
    '--events',
    'thread.responded',
    '--key',
    'once',
  ])
  expect(begun).toMatchObject({
    v: 1,
    callback: { endpoint_id: expect.stringMatching(/^whe_/), secret: expect.stringMatching(/^whsec_/) },
  })
  const shown = await said(caller.key, ['start', card.slug, 'hello', '--callback', url])
  expect(shown.text).toMatch(/told at whe_\w+\nwhsec_\S+\nKeep it now: it is not shown again\./)

  const own = `own ${randomBytes(16).toString('hex')}`
  const piping = run(caller.key, ['send', begun.thread_id, 'again', '--callback', `${url}/2`, '--secret-from-stdin'], own)
  expect(await piping.ended).toMatchObject({ code: 0 })
  expect(piping.stdout()).toMatch(/told at whe_\w+\n$/)
  expect(piping.stdout() + piping.stderr()).not.toContain(own)
  await there.respond(begun.thread_id, { text: 'the answer' })
  await house.runJobs()
  const second = receiver.got.find(({ path }) => path === '/told/2')
  const headers = second?.headers as Record<string, string>
  await verifyWebhook({ headers, body: second?.body as string, secrets: own, mode: 'foragent', now: house.clock.now })
  for (const words of [
    ['--events', 'thread.*'],
    ['--callback', url, '--secret', own],
    ['--callback', url, '--secret-from-env', 'NOT_THERE'],
  ]) {
    const { text, code } = await said(caller.key, ['start', card.slug, 'hello', ...words])
    expect([words[0], code, text.includes(own)]).toEqual([words[0], 2, false])
  }
})
