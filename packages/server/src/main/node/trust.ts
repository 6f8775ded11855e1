// What an operator trusts besides the public authorities, and which certificate of ours a host is shown (V109): by exact host, or `*.` and one label more. Nothing
// here turns a check off.
import { readFileSync } from 'node:fs'
import { isAbsolute, resolve } from 'node:path'
import { KeyRefused } from '../../crypto/keyring.ts'
import { readClosedFile } from '../../crypto/keyring-file.ts'
import type { Trust } from '../../proxy/upstream.ts'
import { BootRefused } from '../refused.ts'

type Line = { host: string; port?: number; ca_file?: string; cert_file?: string; key_file?: string }
type Target = { host: string; port: number }

const RULE = 'proxy.trust'
const HOST = /^(?:\*\.)?[a-z0-9](?:[a-z0-9.-]{0,250}[a-z0-9])?$/
const MEMBERS = ['host', 'port', 'ca_file', 'cert_file', 'key_file']

export type Trusts = (target: Target) => Trust | undefined

export async function readTrusts(file: string | null): Promise<Trusts> {
  if (file === null) return () => undefined
  const text = await readClosedFile(file, 'trust').catch((error: unknown) => {
    throw error instanceof KeyRefused ? refused(error.message) : error
  })
  const all = linesOf(text, file).map((line) => ({ ...line, trust: trustOf(line, file) }))
  return ({ host, port }) => all.find((one) => fits(one, host) && (one.port ?? 443) === port)?.trust
}

const fits = ({ host: wanted }: Line, host: string): boolean =>
  wanted.startsWith('*.') ? host.endsWith(wanted.slice(1)) && !host.slice(0, 1 - wanted.length).includes('.') : wanted === host

const refused = (sentence: string): BootRefused => new BootRefused([`${RULE}: ${sentence}`])

function linesOf(text: string, file: string): Line[] {
  let read: unknown
  try {
    read = JSON.parse(text)
  } catch (error) {
    throw refused(`${file} is no JSON (${error instanceof Error ? error.message : String(error)}).`)
  }
  if (!Array.isArray(read)) throw refused(`${file} must be a list of {"host", "ca_file"}.`)
  return read.map((one, i) => {
    const line = one as Line
    const strange = Object.keys(Object(one)).filter((name) => !MEMBERS.includes(name))
    if (strange.length > 0) throw refused(`${file} has ${strange.join(', ')} in line ${i}, which nothing reads.`)
    if (typeof line.host !== 'string' || !HOST.test(line.host)) throw refused(`${file} names no host in line ${i}.`)
    if ((line.cert_file === undefined) !== (line.key_file === undefined))
      throw refused(`${file} gives a certificate or a key alone in line ${i}; give both, or none.`)
    if (line.ca_file === undefined && line.cert_file === undefined) throw refused(`${file} says nothing of ${line.host}.`)
    return line
  })
}

function trustOf({ ca_file, cert_file, key_file }: Line, file: string): Trust {
  const read = (name: string): string => {
    const path = isAbsolute(name) ? name : resolve(file, '..', name)
    try {
      return readFileSync(path, 'utf8')
    } catch (error) {
      throw refused(`${path} cannot be read (${(error as NodeJS.ErrnoException).code}).`)
    }
  }
  return {
    ...(ca_file === undefined ? {} : { ca: read(ca_file) }),
    ...(cert_file === undefined || key_file === undefined ? {} : { cert: read(cert_file), key: read(key_file) }),
  }
}
