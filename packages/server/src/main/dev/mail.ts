// A mail server of this machine that delivers nothing: what the product sends by SMTP is kept, to be read on the page /dev. It speaks as much of RFC 5321 as a client needs
// that signs nowhere in; it listens on loopback and takes what it is given.
import { createServer, type Socket } from 'node:net'
import PostalMime from 'postal-mime'
import { listenOn, type Party } from './party.ts'

/** One part of a mail as text: words, or a link with the words above it. */
export type Part = { text: string } | { label: string; url: string }
export type CapturedMail = {
  id: string
  at: string
  from: string
  to: string[]
  subject: string
  parts: Part[]
  raw: string
}

export type MailParty = Party & { took: CapturedMail[] }

export const MOST_KEPT = 50
const MOST_BYTES = 30 * 1_048_576

export async function openMailParty(port: number, now: () => Date): Promise<MailParty> {
  const took: CapturedMail[] = []
  const keep = async (raw: Buffer, to: string[]) => {
    const mail = await PostalMime.parse(raw)
    took.unshift({
      id: crypto.randomUUID(),
      at: now().toISOString(),
      from: mail.from?.address ?? '',
      to,
      subject: mail.subject ?? '(no subject)',
      parts: partsOf(mail.text ?? ''),
      raw: raw.toString('utf8'),
    })
    took.splice(MOST_KEPT)
  }
  const server = createServer((socket) => converse(socket, keep))
  return Object.assign(await listenOn(server, port), { took })
}

/** A line that is an address becomes a button with what stands above it; everything else is read as it is. */
export function partsOf(text: string): Part[] {
  const parts: Part[] = []
  let words: string[] = []
  const flush = () => {
    const said = words.join('\n').trim()
    if (said !== '') parts.push({ text: said })
    words = []
  }
  for (const line of text.split(/\r?\n/)) {
    if (!/^https?:\/\/\S+$/.test(line.trim())) words.push(line)
    else {
      const label = (words.pop() ?? '').replace(/:$/, '').trim()
      flush()
      parts.push({ label: label === '' ? line.trim() : label, url: line.trim() })
    }
  }
  flush()
  return parts
}

const ANSWERS: Readonly<Record<string, string>> = {
  EHLO: '250-countersign dev\r\n250-8BITMIME\r\n250 SMTPUTF8',
  HELO: '250 countersign dev',
  MAIL: '250 2.0.0 well',
  RSET: '250 2.0.0 well',
  RCPT: '250 2.1.5 well',
  DATA: '503 5.5.1 To whom?',
  NOOP: '250 2.0.0 well',
  QUIT: '221 2.0.0 bye',
}

type Keep = (raw: Buffer, to: string[]) => Promise<void>

/** One connection: a command a line, and after DATA everything up to the line that is a dot. */
function converse(socket: Socket, keep: Keep): void {
  let pending = Buffer.alloc(0)
  let to: string[] = []
  let inData = false
  let work = Promise.resolve()
  const say = (line: string) => void socket.write(`${line}\r\n`)
  const read = async (): Promise<void> => {
    for (;;) {
      const end = pending.indexOf(inData ? '\r\n.\r\n' : '\r\n')
      if (end < 0) return
      const piece = pending.subarray(0, end)
      pending = pending.subarray(end + (inData ? 5 : 2))
      if (!inData) command(piece.toString('utf8'))
      else {
        inData = false
        // A dot that began a line was doubled on its way (RFC 5321 §4.5.2).
        const raw = Buffer.from(piece.toString('latin1').replace(/(^|\r\n)\.\./g, '$1.'), 'latin1')
        say(
          await keep(raw, to).then(
            () => '250 2.0.0 kept',
            () => '554 5.6.0 This is no mail',
          ),
        )
        to = []
      }
    }
  }
  function command(line: string): void {
    const word = line.slice(0, 4).toUpperCase()
    const [, address = ''] = /<([^>]*)>/.exec(line) ?? []
    if (word === 'MAIL' || word === 'RSET') to = []
    if (word === 'RCPT') to.push(address)
    if (word === 'DATA' && to.length > 0) inData = true
    say(inData ? '354 go on' : (ANSWERS[word] ?? '502 5.5.2 Not understood'))
    if (word === 'QUIT') socket.end()
  }
  socket.on('data', (chunk) => {
    pending = Buffer.concat([pending, chunk])
    if (pending.length > MOST_BYTES) socket.destroy()
    else work = work.then(read)
  })
  // A client that leaves in the middle has nothing left to be told.
  socket.on('error', () => socket.destroy())
  say('220 countersign dev')
}
