// Reads a reply within its caps (P102): so many bytes, after decompression too, and no bomb. Never keeps more than it may.
import { pipeline, Readable } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib'
import { EgressError } from './failure.ts'

export type BodyLimits = {
  bytes: number
  /** cut: what fits is enough; fail: `too_large`. */
  onLarge: 'cut' | 'fail'
  /** raw: as it came. */
  encoding: 'decompress' | 'raw'
}

const LARGEST_RATIO = 100

const DECODERS: Record<string, () => NodeJS.ReadWriteStream> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
}

export async function readBody(body: Readable, contentEncoding: string | undefined, limits: BodyLimits): Promise<Buffer> {
  const name = limits.encoding === 'raw' ? 'identity' : contentEncoding?.trim().toLowerCase() || 'identity'
  const decoder = DECODERS[name]
  if (!decoder && name !== 'identity') throw new EgressError('unreachable')
  let received = 0
  const counted = async function* () {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      received += chunk.length
      yield chunk
    }
  }
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of decoder ? decoded(counted(), decoder()) : counted()) {
    size += chunk.length
    if (decoder && size > received * LARGEST_RATIO) throw new EgressError('too_large')
    chunks.push(chunk)
    if (size <= limits.bytes) continue
    if (limits.onLarge !== 'cut') throw new EgressError('too_large')
    break
  }
  return Buffer.concat(chunks).subarray(0, limits.bytes)
}

/** Chunk by chunk, so that a bomb is noticed before it is whole. */
async function* decoded(source: AsyncIterable<Buffer>, decoder: NodeJS.ReadWriteStream): AsyncGenerator<Buffer> {
  const out = pipeline(Readable.from(source, { objectMode: false, highWaterMark: 16_384 }), decoder, () => undefined)
  yield* out as unknown as AsyncIterable<Buffer>
}
