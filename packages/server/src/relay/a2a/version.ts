// R87: which version of A2A a call speaks. A patch part is never compared; whoever names none speaks 0.3, which no interface of ours declares.
import { VersionNotSupportedError } from '@a2a-js/sdk/errors'

const DECLARED: readonly string[] = ['1.0']
const HEADER = 'A2A-Version'

/** The declared `Major.Minor`; the header counts before the query parameter of its name. */
export function versionOf(header: string | undefined, query: string): string {
  const given = header?.trim() || new URLSearchParams(query).get(HEADER)?.trim() || '0.3'
  const named = /^(\d{1,4}\.\d{1,4})(?:\.[0-9A-Za-z.+-]{1,64})?$/.exec(given)?.[1]
  if (named !== undefined && DECLARED.includes(named)) return named
  throw new VersionNotSupportedError({
    message: `This version of A2A is not spoken here. Send ${HEADER}: ${DECLARED.join(' or ')}.`,
    metadata: { supported: DECLARED.join(',') },
  })
}
