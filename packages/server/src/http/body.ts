// Reads the body of a request (P138): the right type, the right coding, never more bytes than the route allows. Looks at no member.
import type { IncomingMessage } from 'node:http'
import { Problem } from '@countersign/sdk'
import { type Json, JsonRefused, readJsonBody } from './json.ts'

export const MAX_BODY = 1_048_576
const NOTHING = new Uint8Array()

/** Where bytes come from: the socket, or a Request handed to `fetch`. */
export type BodySource = { header(name: string): string | undefined; incoming: IncomingMessage | null; request: Request }

/** The JSON of the body; undefined when there is none. `see` is shown the bytes before anything of them is read, and may refuse them. */
export async function readBody(
  source: BodySource,
  maxBytes = MAX_BODY,
  see: (bytes: Uint8Array) => void = () => undefined,
): Promise<Json | undefined> {
  const type = source.header('content-type')
  const length = source.header('content-length')
  const announced = length !== undefined && length !== '0'
  if (!announced && source.header('transfer-encoding') === undefined && source.incoming && type === undefined) {
    see(NOTHING)
    return undefined
  }
  refuseTypes(type, source.header('content-encoding'))
  if (announced && Number(length) > maxBytes) throw tooLarge(maxBytes)
  const bytes = source.incoming ? await readIncoming(source.incoming, maxBytes) : await readRequest(source.request, maxBytes)
  see(bytes)
  if (bytes.length === 0 && type === undefined) return undefined
  if (type === undefined) throw new Problem('media_type_unsupported', { detail: 'Send Content-Type: application/json.' })
  try {
    return readJsonBody(bytes)
  } catch (error) {
    if (error instanceof JsonRefused) throw new Problem('json_invalid', { detail: error.message, at: error.at }, { cause: error })
    throw error
  }
}

/** The body as it came, of whatever type: for what is signed. */
export async function readBytes(source: BodySource, maxBytes = MAX_BODY): Promise<Uint8Array> {
  if (Number(source.header('content-length') ?? 0) > maxBytes) throw tooLarge(maxBytes)
  return source.incoming ? readIncoming(source.incoming, maxBytes) : readRequest(source.request, maxBytes)
}

function refuseTypes(type: string | undefined, coding: string | undefined): void {
  if (coding !== undefined && coding.toLowerCase() !== 'identity')
    throw new Problem('media_type_unsupported', { detail: 'Send the body without Content-Encoding.' })
  if (type === undefined || type === 'application/json') return
  const [media = '', ...parameters] = type
    .toLowerCase()
    .split(';')
    .map((part) => part.trim())
  if (media !== 'application/json')
    throw new Problem('media_type_unsupported', { detail: 'Send Content-Type: application/json.' })
  for (const parameter of parameters)
    if (parameter.startsWith('charset=') && !/^charset="?utf-8"?$/.test(parameter))
      throw new Problem('media_type_unsupported', { detail: 'Send the body in UTF-8.' })
}

const tooLarge = (maxBytes: number) => new Problem('body_too_large', { max_bytes: maxBytes })

function readIncoming(incoming: IncomingMessage, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    incoming.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= maxBytes) chunks.push(chunk)
      else {
        // Nothing more is kept; the answer closes the connection.
        incoming.removeAllListeners('data').resume()
        reject(tooLarge(maxBytes))
      }
    })
    incoming.on('end', () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)))
    incoming.on('error', (cause) => reject(new Problem('request_invalid', { detail: 'The body ended too early.' }, { cause })))
    // Also after a whole body: only one that was cut is an error.
    incoming.on('close', () => {
      if (!incoming.complete) reject(new Problem('request_invalid', { detail: 'The body ended too early.' }))
    })
  })
}

async function readRequest(request: Request, maxBytes: number): Promise<Buffer> {
  const bytes = Buffer.from(await request.arrayBuffer())
  if (bytes.length > maxBytes) throw tooLarge(maxBytes)
  return bytes
}
