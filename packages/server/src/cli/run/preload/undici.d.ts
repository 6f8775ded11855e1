// Only these parts of undici are bundled: the whole would take three times as long to load.
declare module 'undici/lib/dispatcher/env-http-proxy-agent.js' {
  const EnvHttpProxyAgent: typeof import('undici').EnvHttpProxyAgent
  export default EnvHttpProxyAgent
}
declare module 'undici/lib/dispatcher/dispatcher.js' {
  const Dispatcher: { prototype: import('undici').Dispatcher }
  export default Dispatcher
}
declare module 'undici/lib/api/index.js' {
  export const connect: import('undici').Dispatcher['connect']
}
