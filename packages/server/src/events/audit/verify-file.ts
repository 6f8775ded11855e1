// An export as a file on this machine, for the command and for the script that stands alone. Reads; never writes, never opens a socket.
import { closeSync, createReadStream, fstatSync, openSync, readSync } from 'node:fs'
import { type LogVerdict, type VerifyOptions, verifyLog } from './verify.ts'
import { isSide, type SideVerdict, verifySide } from './verify-side.ts'

const CHUNK = 1_048_576

/** Of the record, or of one side of the relay: the first line says which. */
export async function verifyFile(file: string, options: VerifyOptions = {}): Promise<LogVerdict | SideVerdict> {
  const last = lastLine(file)
  if (isSide(firstBytes(file))) return verifySide(linesOf(file), last, options)
  return verifyLog(() => createReadStream(file, { highWaterMark: CHUNK }), last, options)
}

async function* linesOf(file: string): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of createReadStream(file, { highWaterMark: CHUNK })) {
    const bytes = Buffer.concat([rest, chunk as Buffer])
    let at = 0
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, at)) {
      yield bytes.subarray(at, end)
      at = end + 1
    }
    rest = bytes.subarray(at)
  }
  if (rest.length > 0) yield rest
}

function firstBytes(file: string): Buffer {
  const fd = openSync(file, 'r')
  try {
    const bytes = Buffer.alloc(16)
    return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, 0))
  } finally {
    closeSync(fd)
  }
}

/** The last line that is not empty; a note is far shorter than what is read of the end. */
function lastLine(file: string): Buffer {
  const fd = openSync(file, 'r')
  try {
    const { size } = fstatSync(fd)
    const length = Math.min(size, CHUNK)
    const bytes = Buffer.alloc(length)
    readSync(fd, bytes, 0, length, size - length)
    let end = bytes.length
    while (end > 0 && (bytes[end - 1] === 10 || bytes[end - 1] === 13)) end -= 1
    return bytes.subarray(bytes.subarray(0, end).lastIndexOf(10) + 1, end)
  } finally {
    closeSync(fd)
  }
}
