// The dispatcher of fetch that reads the proxy variables, bundled by itself and loaded with the first request (V128). The calls of a dispatcher are put on it by the
// part of undici that is left out here, so they are put on it here: CONNECT to the proxy is one.
import type { Dispatcher } from 'undici'
import * as calls from 'undici/lib/api/index.js'
import BaseDispatcher from 'undici/lib/dispatcher/dispatcher.js'
import EnvHttpProxyAgent from 'undici/lib/dispatcher/env-http-proxy-agent.js'

Object.assign(BaseDispatcher.prototype, calls)

export const openDispatcher = (): Dispatcher => new EnvHttpProxyAgent()
