// Text that is there to be taken along: a sample, a key, a link. The button says what happened, also to a screen reader.
import { useState } from 'react'
import { Button } from './button.tsx'

export function Copyable({ label, text, block = false }: { label: string; text: string; block?: boolean }) {
  const [copied, setCopied] = useState(false)
  const copy = async () => {
    await navigator.clipboard.writeText(text)
    setCopied(true)
  }
  return (
    <div className="flex flex-col gap-2">
      {/* A region that scrolls must be reachable by keyboard. */}
      <section
        // biome-ignore lint/a11y/noNoninteractiveTabindex: see above
        tabIndex={0}
        aria-label={label}
        className="overflow-x-auto rounded-lg border border-line bg-sunken p-3"
      >
        <pre className={`font-mono text-sm ${block ? 'whitespace-pre' : 'whitespace-pre-wrap break-all'}`}>{text}</pre>
      </section>
      <div>
        <Button onClick={copy}>{copied ? 'Copied' : `Copy ${label}`}</Button>
        <span aria-live="polite" className="sr-only">
          {copied ? `${label} copied` : ''}
        </span>
      </div>
    </div>
  )
}
