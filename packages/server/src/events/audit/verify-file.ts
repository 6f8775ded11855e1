// An export as a file on this machine, for the command and for the script that stands alone. Reads; never writes, never opens a socket.
import { closeSync, createReadStream, fstatSync, openSync, readSync } from 'node:fs'
import { type LogVerdict, type VerifyOptions, verifyLog } from './verify.ts'

const CHUNK = 1_048_576

export async function verifyFile(file: string, options: VerifyOptions = {}): Promise<LogVerdict> {
  const last = lastLine(file)
  return verifyLog(() => createReadStream(file, { highWaterMark: CHUNK }), last, options)
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
