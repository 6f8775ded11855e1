// What the server refused, in one banner: the sentence, what no field of the page could carry, and the request id by which an operator finds it in the log.
import { type Placed, speak } from '../problem.ts'
import { Banner } from './banner.tsx'

export function Refusal({ error, placed }: { error: unknown; placed?: Placed }) {
  if (!error) return null
  const { text, requestId } = speak(error)
  return (
    <Banner tone="error">
      {text}
      {placed && placed.rest.length > 0 && (
        <ul className="mt-1 list-disc pl-5">
          {placed.rest.map((message) => (
            <li key={message}>{message}</li>
          ))}
        </ul>
      )}
      {requestId && <span className="mt-1 block font-mono text-xs opacity-80">{requestId}</span>}
    </Banner>
  )
}
