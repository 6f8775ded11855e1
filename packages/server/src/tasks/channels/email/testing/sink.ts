// A real SMTP server on this machine that takes what it is sent, hangs, or refuses, as a test says. What it took is read as a mail program reads it.
import type { AddressInfo } from 'node:net'
import PostalMime, { type Email } from 'postal-mime'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'
import { onTestFinished } from 'vitest'

export type Taken = Email & { envelope: { from: string; to: string[] }; raw: string; isSecure: boolean; user: string | null }
export type Mode = 'well' | 'slow' | 'failing' | 'limited' | 'never'

export type Sink = {
  port: number
  took: Taken[]
  /** Connections that were made, whatever became of them. */
  calls(): number
  mode(how: Mode): void
  /** Stopped for real: the port answers nobody. */
  stop(): Promise<void>
}

const REFUSALS: Partial<Record<Mode, { responseCode: number; message: string }>> = {
  failing: { responseCode: 451, message: 'Something is wrong here' },
  limited: { responseCode: 450, message: 'Too much mail, come later' },
  never: { responseCode: 550, message: 'No such mailbox' },
}

export async function openSink(options: SMTPServerOptions = {}, port = 0): Promise<Sink> {
  const took: Taken[] = []
  const held: (() => void)[] = []
  let mode: Mode = 'well'
  let calls = 0
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    disableReverseLookup: true,
    closeTimeout: 100,
    onConnect(_session, done) {
      calls++
      if (mode === 'slow') held.push(done)
      else done()
    },
    onMailFrom(_address, _session, done) {
      const refusal = REFUSALS[mode]
      done(refusal ? Object.assign(new Error(refusal.message), refusal) : null)
    },
    onData(stream, session, done) {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        const raw = Buffer.concat(chunks)
        PostalMime.parse(raw)
          .then((email) => {
            const { mailFrom, rcptTo } = session.envelope
            took.push({
              ...email,
              raw: raw.toString('utf8'),
              envelope: { from: mailFrom ? mailFrom.address : '', to: rcptTo.map(({ address }) => address) },
              isSecure: session.secure,
              user: (session.user as unknown as string | undefined) ?? null,
            })
            done()
          })
          .catch(done)
      })
    },
    ...options,
  })
  // A client that leaves in the middle is no fault of the test.
  server.on('error', () => undefined)
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', () => resolve()))
  const release = () => {
    for (const done of held.splice(0)) done()
  }
  let stopped = false
  const stop = async () => {
    release()
    if (stopped) return
    stopped = true
    await new Promise<void>((resolve) => server.close(() => resolve()))
  }
  onTestFinished(stop)
  return {
    port: (server.server.address() as AddressInfo).port,
    took,
    calls: () => calls,
    mode(how) {
      mode = how
      if (how !== 'slow') release()
    },
    stop,
  }
}

/** The tokens of a mail's links, by what stands above each in its text. */
export function linksIn({ text = '' }: Pick<Email, 'text'>): Map<string, string> {
  const lines = text.split(/\r?\n/)
  return new Map(
    lines.flatMap((line, i): [string, string][] => {
      const token = /\/answer#([\w-]{43})$/.exec(line.trim())?.[1]
      return token ? [[(lines[i - 1] ?? '').replace(/:$/, ''), token]] : []
    }),
  )
}
export const REVIEW = /^(See the whole|Open it)/
export const reviewIn = (mail: Pick<Email, 'text'>): string => {
  const found = [...linksIn(mail)].find(([name]) => REVIEW.test(name))
  if (!found) throw new Error(`There is no link to the whole question in:\n${mail.text}`)
  return found[1]
}
