// What `--mask` covers in a stream (V131): values that are known, in all the forms in which the proxy looks for them (V114), and secrets that are known by how they look.
// One asterisk for each byte: no line, column or length changes, whoever reads on. Keeps order, and waits only where what was said so far begins a secret.
import { formsOf, SHORTEST } from '../../../proxy/redact/forms.ts'
import { compile, mayWait, openScanner, type Scanner } from '../../../proxy/redact/scan.ts'
import { type Format, scanFormats } from './formats.ts'

export { SHORTEST }

export type Cover = {
  /** Bytes given are changed in place. */
  push(chunk: Buffer): Buffer
  /** So little is held back that it is worth no wait: it goes on when nothing follows soon. */
  dawdles(): boolean
  release(why: 'late' | 'end'): Buffer
}

/** A cover for each stream, over the same secrets. */
export function coversOf(values: readonly string[], formats: readonly Format[]): () => Cover {
  const forms = values.flatMap(linesOf).flatMap((value) => formsOf(Buffer.from(value)))
  const patterns = forms.length === 0 ? null : compile(forms)
  return () => {
    const scanners: Scanner[] = [...(patterns ? [openScanner(patterns)] : []), scanFormats(formats)]
    return {
      push: (chunk) => scanners.reduce((bytes, scanner) => scanner.push(bytes), chunk),
      dawdles: () => scanners.some(isShort),
      release: (why) => scanners.reduce<Buffer>((bytes, scanner) => released(scanner, bytes, why), Buffer.alloc(0)),
    }
  }
}

const isShort = (scanner: Scanner): boolean => scanner.held() > 0 && !mayWait(scanner.tail())

function released(scanner: Scanner, bytes: Buffer, why: 'late' | 'end'): Buffer {
  const ready = bytes.length === 0 ? bytes : scanner.push(bytes)
  if (why === 'late' && !isShort(scanner)) return ready
  return Buffer.concat([ready, scanner.release(why)])
}

/** A value of several lines, also line by line: a terminal ends lines in a way of its own, and programs indent. */
function linesOf(value: string): string[] {
  const lines = value.split(/\r?\n/)
  return lines.length === 1 ? lines : [value, ...lines]
}
