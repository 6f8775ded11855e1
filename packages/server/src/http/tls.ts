// Built-in TLS (P140): TLS 1.3 and nothing older, from two PEM files that are read again while the server runs. A new pair is served to new connections
// only; one that does not work is said in the log and the old one stays. Never makes a certificate, and never uses a key that others can read.
import { readFileSync, statSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import type { Clock } from '../std/clock.ts'
import type { Log } from '../std/log.ts'

export type TlsFiles = { certFile: string; keyFile: string }
export type Certificate = { cert: Buffer; key: Buffer }

/** Why certificate and key cannot be used, as a sentence. */
export class TlsRefused extends Error {
  constructor(sentence: string, options?: ErrorOptions) {
    super(sentence, options)
    this.name = 'TlsRefused'
  }
}

const MODERN = { minVersion: 'TLSv1.3' } as const
/** Renewals come days before the old certificate ends; what replaced the files may take a while between the two. */
const LOOK_MS = 5_000

/** What `https.createServer` takes. */
export const tlsOptions = (pair: Certificate) => ({ ...pair, ...MODERN, handshakeTimeout: 10_000 })

/** Both files, proven to belong together. */
export function readCertificate(files: TlsFiles): Certificate {
  const pair = readPair(files)
  prove(files, pair)
  return pair
}

function readPair({ certFile, keyFile }: TlsFiles): Certificate {
  // Through links, as those who renew certificates hand them over by links.
  const mode = attempt(keyFile, () => statSync(keyFile).mode)
  if (mode & 0o077)
    throw new TlsRefused(
      `The TLS key file ${keyFile} has mode ${(mode & 0o777).toString(8)}: others can reach it. Run chmod 600 on it, and replace the key if others had access.`,
    )
  return { cert: attempt(certFile, () => readFileSync(certFile)), key: attempt(keyFile, () => readFileSync(keyFile)) }
}

function attempt<T>(file: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw new TlsRefused(`The TLS file ${file} cannot be read (${(error as NodeJS.ErrnoException).code}).`, { cause: error })
  }
}

function prove({ certFile, keyFile }: TlsFiles, pair: Certificate): void {
  try {
    createSecureContext({ ...pair, ...MODERN })
  } catch (error) {
    const { code = 'unreadable' } = error as NodeJS.ErrnoException
    throw new TlsRefused(`${certFile} and ${keyFile} are not a PEM certificate and its key (${code}).`, { cause: error })
  }
}

type Served = { setSecureContext(options: Certificate & typeof MODERN): void }

/** Looks at the files again and again; what changed and works is served from then on. Returns how to stop. */
export function followCertificate(
  server: Served,
  files: TlsFiles,
  first: Certificate,
  { clock, log }: { clock: Clock; log: Log },
): () => void {
  let served = first
  let complained = ''
  const look = () => {
    cancel = clock.timer(LOOK_MS, look)
    try {
      const pair = readPair(files)
      if (!pair.cert.equals(served.cert) || !pair.key.equals(served.key)) {
        prove(files, pair)
        server.setSecureContext({ ...pair, ...MODERN })
        served = pair
        log.info({ file: files.certFile }, 'a new TLS certificate is served')
      }
      complained = ''
    } catch (error) {
      const sentence = error instanceof Error ? error.message : String(error)
      // Said once, not every few seconds for as long as it lasts.
      if (sentence !== complained)
        log.error({ err: error }, 'the TLS files changed and cannot be used; the old certificate stays')
      complained = sentence
    }
  }
  let cancel = clock.timer(LOOK_MS, look)
  return () => cancel()
}
