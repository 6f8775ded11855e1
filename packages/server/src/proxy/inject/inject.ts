// Puts the credential into a request (V56–V58): what the verdict named, where it named it, nowhere else. A value that does not fit its place fails the whole
// request, and nothing of it is sent. Signing (sigv4) has its own step and is refused here.
import type { FilledInjection } from '../gatekeeper.ts'
import { bodyHolds, injectBody } from './body.ts'
import { injectCookie } from './cookie.ts'
import { injectBasic, injectHeader } from './header.ts'
import { InjectionFault, type Outbound } from './outbound.ts'
import { injectProtocol } from './protocol.ts'
import { injectPath, injectQuery } from './target.ts'

export const MOST_BODY = 1_048_576

export const needsBody = (injections: readonly FilledInjection[]): boolean => injections.some(({ rule }) => rule.where === 'body')

export function inject(out: Outbound, injections: readonly FilledInjection[], placeholder: string | null): void {
  // Of several places in a body the placeholder says which is meant (V59); where it stands at none, all are.
  const marked = injections.filter(({ rule }) => rule.where === 'body' && bodyHolds(out, rule.name ?? '', placeholder))
  for (const one of injections) {
    const { rule, value, user, password } = one
    if (rule.where === 'body' && marked.length > 0 && !marked.includes(one)) continue
    const { name = '', when_present: when } = rule
    const text = value.reveal()
    if (rule.where === 'header') injectHeader(out, name, text, placeholder, when)
    else if (rule.where === 'query') injectQuery(out, name, text, placeholder, when)
    else if (rule.where === 'path') injectPath(out, name, text, placeholder, when)
    else if (rule.where === 'cookie') injectCookie(out, name, text, placeholder, when)
    else if (rule.where === 'ws_protocol') injectProtocol(out, text, placeholder)
    else if (rule.where === 'body') injectBody(out, name, text, placeholder, when)
    else if (rule.where === 'basic')
      injectBasic(out, { user: user?.reveal() ?? '', password: password?.reveal() ?? '' }, placeholder, when)
    else throw new InjectionFault()
  }
}
