// The dispatcher of fetch that reads the proxy variables, bundled by itself and loaded with the first request (V128).
import type { Dispatcher } from 'undici'
import EnvHttpProxyAgent from 'undici/lib/dispatcher/env-http-proxy-agent.js'

export const openDispatcher = (): Dispatcher => new EnvHttpProxyAgent()
