// A name server for tests: answers over UDP and TCP on one free port what it is told, cut over UDP when it is long. Recurses nowhere.
import { createSocket } from 'node:dgram'
import { createServer, type Socket } from 'node:net'
import { parseAddress } from '../address.ts'
import { encodeName, type NameServer, TYPES } from '../dns.ts'

export type StubRecord = { name?: string; cname?: string; address?: string; text?: string }
export type StubReply = { rcode?: number; records?: StubRecord[]; silent?: boolean }
/** `nth` counts the questions for this name and type, from 0. */
export type Zone = (name: string, type: 'A' | 'AAAA' | 'TXT', nth: number) => StubReply

const NXDOMAIN = 3

export async function openDnsStub(zone: Zone): Promise<NameServer & { asked: string[]; close(): Promise<void> }> {
  const asked: string[] = []
  const answer = (query: Buffer): Buffer | null => {
    const labels: string[] = []
    let at = 12
    for (let length = query.readUInt8(at); length > 0; length = query.readUInt8(at)) {
      labels.push(query.toString('latin1', at + 1, at + 1 + length))
      at += 1 + length
    }
    const name = labels.join('.')
    const type = query.readUInt16BE(at + 1) === TYPES.A ? 'A' : query.readUInt16BE(at + 1) === TYPES.TXT ? 'TXT' : 'AAAA'
    const key = `${type} ${name}`
    const reply = zone(name, type, asked.filter((one) => one === key).length)
    asked.push(key)
    return reply.silent ? null : encodeReply(query.subarray(0, at + 5), name, type, reply)
  }

  const tcp = createServer((socket: Socket) => {
    socket.on('error', () => socket.destroy())
    socket.once('data', (chunk) => {
      const reply = answer(chunk.subarray(2))
      if (!reply) return
      const length = Buffer.alloc(2)
      length.writeUInt16BE(reply.length)
      socket.end(Buffer.concat([length, reply]))
    })
  })
  await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve))
  const { port } = tcp.address() as { port: number }
  const udp = createSocket('udp4')
  udp.on('message', (query, from) => {
    const reply = answer(query)
    if (!reply) return
    // Noise first: another id, as one who guesses would send.
    const forged = Buffer.from(reply)
    forged.writeUInt16BE((forged.readUInt16BE(0) + 1) & 0xffff, 0)
    udp.send(forged, from.port, from.address)
    if (reply.length > 512) {
      reply.writeUInt16BE(reply.readUInt16BE(2) | 0x0200, 2)
      reply.writeUInt16BE(0, 6)
      udp.send(reply.subarray(0, query.length - 11), from.port, from.address)
    } else udp.send(reply, from.port, from.address)
  })
  await new Promise<void>((resolve) => udp.bind(port, '127.0.0.1', resolve))
  const close = async () => {
    await Promise.all([new Promise((resolve) => tcp.close(resolve)), new Promise<void>((resolve) => udp.close(resolve))])
  }
  return { address: '127.0.0.1', port, asked, close }
}

function encodeReply(question: Buffer, name: string, type: 'A' | 'AAAA' | 'TXT', reply: StubReply): Buffer {
  const records = (reply.records ?? []).flatMap((record) => {
    const owner = encodeName(record.name ?? name)
    const address = record.address === undefined ? null : parseAddress(record.address)
    if (address && address.length !== (type === 'A' ? 4 : 16)) return []
    const data = address ? Buffer.from(address) : record.text === undefined ? encodeName(record.cname ?? '') : pieces(record.text)
    const fixed = Buffer.alloc(10)
    fixed.writeUInt16BE(address || record.text !== undefined ? TYPES[type] : TYPES.CNAME, 0)
    fixed.writeUInt16BE(1, 2)
    fixed.writeUInt16BE(data.length, 8)
    return [Buffer.concat([owner, fixed, data])]
  })
  const header = Buffer.from(question.subarray(0, 12))
  header.writeUInt16BE(0x8180 | (reply.rcode ?? (reply.records ? 0 : NXDOMAIN)), 2)
  header.writeUInt16BE(records.length, 6)
  header.writeUInt16BE(0, 10)
  return Buffer.concat([header, question.subarray(12), ...records])
}

/** As name servers cut a long text. */
const pieces = (text: string): Buffer =>
  Buffer.concat((text.match(/.{1,200}/gs) ?? ['']).flatMap((piece) => [Buffer.of(piece.length), Buffer.from(piece, 'latin1')]))
