// One caller over real HTTP: a browser with its cookie, an agent with its key, or nobody.
export type Answer = {
  status: number
  headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever came back
  body: any
}

type Send = (path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>

export type Client = {
  get(path: string, headers?: Record<string, string>): Promise<Answer>
  post: Send
  put: Send
  patch: Send
  delete: Send
  /** The bare answer, for streams and for bodies that are no JSON. */
  raw(path: string, init?: RequestInit): Promise<Response>
  /** The same caller at another process. */
  at(url: string): Client
  readonly credential: Credential
}

/** `cookie` is `name=value`. A browser also says where it comes from. */
export type Credential = { cookie?: string; bearer?: string; origin?: string }

export function clientOf(url: string, credential: Credential = {}): Client {
  const jar = new Map((credential.cookie?.split('; ') ?? []).map((pair) => [nameOf(pair), pair]))
  const cookies = () => (jar.size === 0 ? undefined : [...jar.values()].join('; '))
  const raw = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(url + path, {
      ...init,
      redirect: 'manual',
      headers: {
        ...(jar.size > 0 ? { cookie: cookies() as string, origin: credential.origin ?? url } : {}),
        ...(credential.bearer ? { authorization: `Bearer ${credential.bearer}` } : {}),
        ...(init.body === undefined || init.body === null ? {} : { 'content-type': 'application/json' }),
        ...(init.headers as Record<string, string> | undefined),
      },
    })
    // A browser keeps what it was given last under a name, and drops what was emptied.
    for (const cookie of credential.bearer ? [] : response.headers.getSetCookie()) {
      const [pair = ''] = cookie.split(';')
      if (pair.endsWith('=')) jar.delete(nameOf(pair))
      else jar.set(nameOf(pair), pair)
    }
    return response
  }
  const send = async (method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer> => {
    const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
    const response = await raw(path, { method, body: text, headers })
    return { status: response.status, headers: response.headers, body: bodyOf(response, await response.text()) }
  }
  const sender =
    (method: string): Send =>
    (path, body, headers) =>
      send(method, path, body, headers)
  return {
    get: (path, headers) => send('GET', path, undefined, headers),
    post: sender('POST'),
    put: sender('PUT'),
    patch: sender('PATCH'),
    delete: sender('DELETE'),
    raw,
    at: (other) => clientOf(other, { ...credential, cookie: cookies(), origin: credential.origin ?? url }),
    get credential() {
      return { ...credential, cookie: cookies() }
    },
  }
}

const nameOf = (pair: string): string => pair.slice(0, pair.indexOf('='))

const bodyOf = (response: Response, text: string): unknown =>
  text !== '' && /[/+]json\b/.test(response.headers.get('content-type') ?? '') ? JSON.parse(text) : text || null
