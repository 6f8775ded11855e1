// A credential as one element of Sec-WebSocket-Protocol, as browsers have to send theirs (V56). An element that holds our placeholder is the one.
import { valuesOf } from '../http1/head.ts'
import { InjectionFault, type Outbound } from './outbound.ts'

const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/

export function injectProtocol(out: Outbound, value: string, placeholder: string | null): void {
  if (!TOKEN.test(value)) throw new InjectionFault()
  const elements = valuesOf(out.fields, 'sec-websocket-protocol').flatMap((line) => line.split(',').map((one) => one.trim()))
  const at = placeholder === null ? -1 : elements.findIndex((one) => one.includes(placeholder))
  const all = at >= 0 ? elements.with(at, value) : [...elements.filter((one) => one !== ''), value]
  out.fields = out.fields.filter(([field]) => field.toLowerCase() !== 'sec-websocket-protocol')
  out.fields.push(['Sec-WebSocket-Protocol', all.join(', ')])
  out.added.push(Buffer.from(value, 'latin1'))
}
