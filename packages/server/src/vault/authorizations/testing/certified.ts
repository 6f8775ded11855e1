// A certified OpenID provider on this machine (oidc-provider), and a person who signs in there without a browser: what no replay of answers could have agreed to.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Configuration, Provider } from 'oidc-provider'
import { onTestFinished } from 'vitest'
import { randomToken } from '../../../crypto/token.ts'
import type { Definition } from '../../providers/definition.ts'
import { oauthProvider } from './provider.ts'

export type Certified = {
  origin: string
  port: number
  /** Requests that came, as `METHOD /path`. */
  asked: string[]
  /** Answers from now on; until then every request waits. */
  become(configuration: Configuration, before?: (provider: Provider) => void): void
  /** Sees each request first; with `lose` the provider does what it is asked, and its answer never arrives. */
  seen: (request: { method: string; path: string; lose(): void }) => void
}

/** Listens before it is a provider: whoever uses it must know where it is, and it must know who uses it. */
export async function openCertified(): Promise<Certified> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    return new Promise<void>((resolve) => server.close(() => resolve()))
  })
  const { port } = server.address() as AddressInfo
  const origin = `http://127.0.0.1:${port}`
  const certified: Certified = {
    origin,
    port,
    asked: [],
    seen: () => undefined,
    become(configuration, before) {
      const provider = new Provider(origin, {
        cookies: { keys: [randomToken()] },
        pkce: { required: () => true },
        ttl: {
          AccessToken: 3_600,
          ClientCredentials: 3_600,
          IdToken: 3_600,
          RefreshToken: 86_400,
          Session: 86_400,
          Grant: 86_400,
          Interaction: 3_600,
        },
        ...configuration,
        features: {
          devInteractions: { enabled: true },
          revocation: { enabled: true },
          clientCredentials: { enabled: true },
          ...configuration.features,
        },
      })
      before?.(provider)
      const answer = provider.callback()
      server.on('request', (request, response) => {
        const path = (request.url ?? '').split('?')[0] ?? ''
        certified.asked.push(`${request.method} ${path}`)
        const lose = () => {
          response.end = () => response.destroy()
        }
        certified.seen({ method: request.method ?? '', path, lose })
        void answer(request, response)
      })
    },
  }
  return certified
}

export const certifiedProvider = (
  { origin }: Pick<Certified, 'origin'>,
  more: Partial<Definition['oauth']> & { methods?: Definition['methods'] } = {},
): Definition =>
  oauthProvider(
    { origin },
    {
      authorization_url: `${origin}/auth`,
      token_url: `${origin}/token`,
      revocation: { url: `${origin}/token/revocation`, style: 'rfc7009' },
      extra_params: { prompt: 'consent' },
      scopes: { default: ['openid', 'offline_access'] },
      ...more,
    },
  )

/** Alice goes where we sent her, signs in and agrees. Answers what the provider sends back with the browser. */
export async function signInAt(url: string): Promise<Record<string, string>> {
  const jar = new Map<string, string>()
  let next = url
  let form: URLSearchParams | null = null
  for (let step = 0; step < 20; step++) {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer: Response = await fetch(next, {
      method: form ? 'POST' : 'GET',
      headers: { cookie },
      redirect: 'manual',
      ...(form ? { body: form } : {}),
    })
    for (const one of answer.headers.getSetCookie()) {
      const [pair = ''] = one.split(';')
      jar.set(pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1))
    }
    const location = answer.headers.get('location')
    form = null
    if (location !== null) {
      await answer.body?.cancel()
      const to = new URL(location, next)
      if (to.pathname === '/connect/return') return Object.fromEntries(to.searchParams)
      next = to.href
      continue
    }
    const page = await answer.text()
    if (answer.status !== 200) throw new Error(`The provider answered ${answer.status}: ${page.slice(0, 300)}`)
    next = new URL(/action="([^"]+)"/.exec(page)?.[1] ?? '', next).href
    form = new URLSearchParams({ prompt: /name="prompt" value="([^"]+)"/.exec(page)?.[1] ?? '' })
    if (form.get('prompt') === 'login') {
      form.set('login', 'alice')
      form.set('password', 'anything')
    }
  }
  throw new Error('The provider never sent anybody back.')
}
