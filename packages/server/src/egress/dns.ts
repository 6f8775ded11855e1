// Asks a name server one question (RFC 1035, with EDNS of RFC 6891) over UDP, and over TCP when the answer was cut. Reads no hosts file, adds no search
// domain, keeps nothing. Judges no address: resolve.ts does.
import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import { randomInt } from '../crypto/token.ts'

export type NameServer = { address: string; port: number }
export const TYPES = { A: 1, CNAME: 5, TXT: 16, AAAA: 28 } as const
/** `text`: of one record, its pieces put together; bytes outside of ASCII stand as they are (latin1). */
export type DnsRecord = { name: string; type: number; address?: Uint8Array; target?: string; text?: string }
export type DnsAnswer = { rcode: number; records: DnsRecord[] }

/** No name server said anything in time. */
export class NoNameServer extends Error {
  constructor(cause?: unknown) {
    super('No name server answered.', { cause })
    this.name = 'NoNameServer'
  }
}

const TRY_MS = 1_000
const UDP_BYTES = 1_232

/** The servers take turns until one answers or the time is over. */
export async function askDns(servers: readonly NameServer[], name: string, type: number, untilMs: number): Promise<DnsAnswer> {
  let last: unknown
  for (let turn = 0; ; turn++) {
    const left = untilMs - performance.now()
    const server = servers[turn % servers.length]
    if (!server || left <= 0 || (turn >= servers.length * 3 && last)) throw new NoNameServer(last)
    try {
      return await askServer(server, name, type, Math.min(left, TRY_MS))
    } catch (error) {
      last = error
    }
  }
}

async function askServer(server: NameServer, name: string, type: number, ms: number): Promise<DnsAnswer> {
  const query = encodeQuery(randomInt(65_536), name, type)
  const reply = await overUdp(server, query, ms)
  const message = reply.readUInt16BE(2) & 0x0200 ? await overTcp(server, query, ms) : reply
  return decodeAnswer(message)
}

export function encodeQuery(id: number, name: string, type: number): Buffer {
  const header = Buffer.alloc(12)
  header.writeUInt16BE(id, 0)
  header.writeUInt16BE(0x0100, 2) // recursion desired
  header.writeUInt16BE(1, 4)
  header.writeUInt16BE(1, 10)
  const question = Buffer.alloc(4)
  question.writeUInt16BE(type, 0)
  question.writeUInt16BE(1, 2)
  const opt = Buffer.from([0, 0, 41, UDP_BYTES >> 8, UDP_BYTES & 255, 0, 0, 0, 0, 0, 0])
  return Buffer.concat([header, encodeName(name), question, opt])
}

/** The name ends at the root: no search domain can follow it. */
export function encodeName(name: string): Buffer {
  const labels = name.replace(/\.$/, '').split('.')
  return Buffer.concat([...labels.flatMap((label) => [Buffer.of(label.length), Buffer.from(label, 'ascii')]), Buffer.of(0)])
}

/** Same id, a response, the same question: anything else on the socket is not an answer to us. */
function answers(reply: Buffer, query: Buffer): boolean {
  if (reply.length < 12 || reply.readUInt16BE(0) !== query.readUInt16BE(0) || !(reply.readUInt16BE(2) & 0x8000)) return false
  const end = query.length - 11
  return reply.subarray(12, end).toString('latin1').toLowerCase() === query.subarray(12, end).toString('latin1').toLowerCase()
}

function overUdp(server: NameServer, query: Buffer, ms: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(server.address.includes(':') ? 'udp6' : 'udp4')
    const end = (finish: () => void) => {
      clearTimeout(timer)
      socket.close()
      finish()
    }
    const timer = setTimeout(() => end(() => reject(new NoNameServer())), ms)
    socket.on('error', (error) => end(() => reject(error)))
    socket.on('message', (reply) => {
      if (answers(reply, query)) end(() => resolve(reply))
    })
    // Connected, so that the kernel drops what comes from anywhere else and tells of a closed port.
    socket.connect(server.port, server.address, () => socket.send(query))
  })
}

function overTcp(server: NameServer, query: Buffer, ms: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: server.address, port: server.port })
    let got = Buffer.alloc(0)
    const end = (finish: () => void) => {
      clearTimeout(timer)
      socket.destroy()
      finish()
    }
    const timer = setTimeout(() => end(() => reject(new NoNameServer())), ms)
    const length = Buffer.alloc(2)
    length.writeUInt16BE(query.length)
    socket.write(Buffer.concat([length, query]))
    socket.on('error', (error) => end(() => reject(error)))
    socket.on('close', () => end(() => reject(new NoNameServer())))
    socket.on('data', (chunk) => {
      got = Buffer.concat([got, chunk])
      const whole = got.length >= 2 ? 2 + got.readUInt16BE(0) : Number.POSITIVE_INFINITY
      if (got.length < whole) return
      const reply = got.subarray(2, whole)
      end(() => (answers(reply, query) ? resolve(reply) : reject(new NoNameServer())))
    })
  })
}

/** Throws a RangeError on a message that points outside itself. */
export function decodeAnswer(message: Buffer): DnsAnswer {
  let { end: at } = decodeName(message, 12)
  at += 4
  const records: DnsRecord[] = []
  for (let left = message.readUInt16BE(6); left > 0; left--) {
    const { name, end } = decodeName(message, at)
    const type = message.readUInt16BE(end)
    const from = end + 10
    const until = from + message.readUInt16BE(end + 8)
    if (until > message.length) throw new RangeError('A DNS record ends behind its message.')
    if (type === TYPES.CNAME) records.push({ name, type, target: decodeName(message, from).name })
    else if ((type === TYPES.A && until - from === 4) || (type === TYPES.AAAA && until - from === 16))
      records.push({ name, type, address: Uint8Array.from(message.subarray(from, until)) })
    else if (type === TYPES.TXT) records.push({ name, type, text: decodeTexts(message.subarray(from, until)) })
    at = until
  }
  return { rcode: message.readUInt16BE(2) & 15, records }
}

/** Pieces of up to 255 bytes, each behind its length (RFC 1035 §3.3.14). */
function decodeTexts(bytes: Buffer): string {
  const pieces: string[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + bytes.readUInt8(at)
    if (end > bytes.length) throw new RangeError('A DNS text ends behind its record.')
    pieces.push(bytes.toString('latin1', at + 1, end))
    at = end
  }
  return pieces.join('')
}

function decodeName(message: Buffer, from: number): { name: string; end: number } {
  const labels: string[] = []
  let at = from
  let end = 0
  for (let steps = 0; steps < 128; steps++) {
    const length = message.readUInt8(at)
    if (length >= 192) {
      end ||= at + 2
      at = message.readUInt16BE(at) & 0x3fff
    } else if (length === 0) {
      return { name: labels.join('.').toLowerCase(), end: end || at + 1 }
    } else {
      labels.push(message.toString('latin1', at + 1, at + 1 + length))
      at += 1 + length
    }
  }
  throw new RangeError('A DNS name does not end.')
}
