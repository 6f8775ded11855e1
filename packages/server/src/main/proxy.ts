// The forward proxy as the settings name it. Read once; a file of its authority that cannot be read is told by its name.
import { readFileSync } from 'node:fs'
import { type ForwardProxy, parseProxy } from '../egress/proxy.ts'
import type { Config } from './config.ts'

export class ProxyRefused extends Error {}

/** Null: everything is called directly, because no proxy is named. */
export function proxyOf({ egressProxy, egressProxyCaFile, egressProxyExcept }: Config): ForwardProxy | null {
  if (egressProxy === null) return null
  return {
    ...parseProxy(egressProxy.reveal()),
    ca: egressProxyCaFile === null ? null : readAuthority(egressProxyCaFile),
    except: egressProxyExcept,
  }
}

function readAuthority(file: string): string {
  try {
    const text = readFileSync(file, 'utf8')
    if (text.includes('-----BEGIN CERTIFICATE-----')) return text
  } catch (error) {
    throw new ProxyRefused(`${file} cannot be read (${(error as NodeJS.ErrnoException).code}).`, { cause: error })
  }
  throw new ProxyRefused(`${file} holds no certificate in PEM.`)
}
