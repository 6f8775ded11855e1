// Secrets travel to a server over TLS, or within this machine, and in no other way.
import type { Countersign } from '@countersign/sdk'
import { usage } from './output.ts'

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/

export const isPrivateLine = (url: string): boolean => {
  const { protocol, hostname } = new URL(url)
  return protocol === 'https:' || LOOPBACK.test(hostname)
}

export function needPrivateLine({ settings: { url } }: Countersign): void {
  if (!isPrivateLine(url)) throw usage(`${url} is neither https nor on this machine: no secret is sent there.`)
}
