// Content codings on the way back (V115): what may hold text is decoded, so that it can be scanned, and goes on as it is. A bomb is cut; a coding that we
// cannot read is refused by who asks. Decodes as the bytes come, and waits for nothing.
import zlib from 'node:zlib'
import { type Field, ignore, type Sink } from '../flow.ts'
import { valuesOf } from '../http1/head.ts'

/** Younger runtimes have it; the types of this one do not know. */
const { createZstdDecompress: createZstd } = zlib as typeof zlib & { createZstdDecompress?: () => zlib.BrotliDecompress }

const DECODERS: Record<string, () => zlib.Gunzip | zlib.BrotliDecompress> = {
  ...(createZstd ? { zstd: () => createZstd() } : {}),
  gzip: () => zlib.createGunzip({ flush: zlib.constants.Z_SYNC_FLUSH }),
  'x-gzip': () => zlib.createGunzip({ flush: zlib.constants.Z_SYNC_FLUSH }),
  deflate: () => zlib.createInflate({ flush: zlib.constants.Z_SYNC_FLUSH }),
  br: () => zlib.createBrotliDecompress({ flush: zlib.constants.BROTLI_OPERATION_FLUSH }),
}
const NO_TEXT =
  /^(?:(?:image\/(?!svg)|audio\/|video\/|font\/)|application\/(?:grpc(?!-web-text)|zip|gzip|x-gzip|pdf|wasm|x-tar|x-protobuf|vnd\.ms-|vnd\.openxml))/i
const LARGEST_RATIO = 200
const FREE_BYTES = 10 * 1_048_576
/** Speak of the bytes as they were coded. */
const OF_THE_CODED = new Set(['content-encoding', 'content-length', 'content-md5', 'digest', 'content-digest', 'repr-digest'])

/** What we can read of what the client can; nothing said means that nothing is coded. */
export function narrowed(fields: readonly Field[]): Field[] {
  const asked = valuesOf(fields, 'accept-encoding').flatMap((value) => value.split(',').map((one) => one.trim()))
  const kept = asked.filter((one) => {
    const name = one.split(';')[0]?.trim().toLowerCase() ?? ''
    return name in DECODERS || name === 'identity'
  })
  const rest = fields.filter(([name]) => name.toLowerCase() !== 'accept-encoding')
  return [...rest, ['Accept-Encoding', kept.length > 0 ? kept.join(', ') : 'identity']]
}

export const mayHoldText = (fields: readonly Field[]): boolean => !NO_TEXT.test(valuesOf(fields, 'content-type')[0] ?? '')

/** `plain`: nothing to decode; `unknown`: nobody here can. */
export function codingOf(fields: readonly Field[]): 'plain' | 'unknown' | { name: string } {
  const names = valuesOf(fields, 'content-encoding')
    .flatMap((value) => value.split(','))
    .map((one) => one.trim().toLowerCase())
    .filter((one) => one !== '' && one !== 'identity')
  const [name] = names
  if (name === undefined) return 'plain'
  return names.length === 1 && name in DECODERS ? { name } : 'unknown'
}

export const decodedFields = (fields: readonly Field[]): Field[] =>
  fields
    .filter(([name]) => !OF_THE_CODED.has(name.toLowerCase()))
    .map(([name, value]) => (name.toLowerCase() === 'etag' && !value.startsWith('W/') ? [name, `W/${value}`] : [name, value]))

export function decoding(name: string, to: Sink): Sink {
  const decoder = (DECODERS[name] as () => zlib.Gunzip)()
  let read = 0
  let written = 0
  let trailers: readonly Field[] = []
  let open = true
  const broke = () => {
    if (!open) return
    open = false
    decoder.destroy()
    to.abort()
  }
  const sink: Sink = {
    drained: ignore,
    write(chunk) {
      read += chunk.length
      return !open || decoder.write(chunk)
    },
    end(fields) {
      trailers = fields
      decoder.end()
    },
    abort: broke,
  }
  decoder.on('drain', () => sink.drained())
  decoder.on('error', broke)
  decoder.on('data', (chunk: Buffer) => {
    written += chunk.length
    if (written > FREE_BYTES && written > read * LARGEST_RATIO) return broke()
    if (open && !to.write(chunk)) decoder.pause()
  })
  decoder.on('end', () => {
    if (open) to.end(trailers)
    open = false
  })
  to.drained = () => void decoder.resume()
  return sink
}
