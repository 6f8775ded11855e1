// What an agent wants shown from elsewhere (T86): nothing is loaded by itself. An image comes through the server's guarded fetch after a click, a video or a PDF opens in a page of its own,
// HTML stands in a frame without origin, script or network. Links show their real host.
import { type ReactNode, useEffect, useRef, useState } from 'react'
import { rich } from '../text/rich.tsx'
import { t } from '../text/t.ts'
import { Button } from '../ui/button.tsx'
import { visible } from '../ui/marks.ts'
import { targetOf } from './host.ts'
import { AgentText, Mark } from './text.tsx'

/** A link with its host beside it, unless the text is the host; text alone when nothing may be opened there. */
export function SafeLink({ address, text, children }: { address: string; text: string; children?: ReactNode }) {
  const target = targetOf(address, text)
  if (!target)
    return (
      <>
        {children ?? <AgentText text={text} />}{' '}
        <Mark text={visible(address.slice(0, 80))} why={t('This address is not opened')} />
      </>
    )
  return (
    <>
      <a
        href={target.href}
        target="_blank"
        rel="noopener noreferrer nofollow"
        className="wrap-anywhere text-accent underline underline-offset-2"
      >
        {children ?? <AgentText text={text} />}
      </a>
      <span className="text-sm text-muted"> ({target.host})</span>
      {target.warning !== null && <Mark text={`⚠ ${target.warning}`} why={t('Look twice before you open this')} />}
    </>
  )
}

type ImageProps = {
  url: string
  alt: string
  width?: number | undefined
  height?: number | undefined
  load: ((url: string) => Promise<string>) | undefined
}

export function RemoteImage({ url, alt, width, height, load }: ImageProps) {
  const [source, setSource] = useState(url.startsWith('data:image/') ? url : null)
  const [state, setState] = useState<'idle' | 'loading' | 'failed'>('idle')
  const host = targetOf(url)?.host ?? ''
  const get = () => {
    if (!load) return
    setState('loading')
    load(url).then(
      (data) => setSource(data),
      () => setState('failed'),
    )
  }
  if (source !== null)
    return (
      <img
        src={source}
        alt={visible(alt)}
        width={width}
        height={height}
        className="h-auto max-w-full rounded-lg border border-line"
      />
    )
  return (
    <div className="flex flex-col items-start gap-2 rounded-lg border border-dashed border-line-strong bg-sunken p-3 text-sm">
      <span>{rich('Image: {alt}', { alt: <AgentText text={alt} /> })}</span>
      {load && (
        <Button
          small
          busy={state === 'loading'}
          aria-label={
            state === 'loading'
              ? t('Loading… image {alt}', { alt: visible(alt) })
              : t('Load from {host} image {alt}', { host, alt: visible(alt) })
          }
          onClick={get}
        >
          {state === 'loading' ? t('Loading…') : t('Load from {host}', { host })}
        </Button>
      )}
      <SafeLink address={url} text={t('Open in a new tab')} />
      {state === 'failed' && <span role="status">{t('The image could not be loaded.')}</span>}
    </div>
  )
}

export const RemoteLink = ({ url, what, label }: { url: string; what: string; label: string }) => (
  <div className="flex flex-col items-start gap-1 rounded-lg border border-dashed border-line-strong bg-sunken p-3">
    <span className="font-medium">
      <AgentText text={label} />
    </span>
    <span className="text-sm">
      <SafeLink address={url} text={t('Open the {what} in a new tab', { what })} />
    </span>
  </div>
)

const FRAME_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"

type Policy = { createHTML: (html: string) => unknown }
type Factory = { createPolicy: (name: string, rules: { createHTML: (html: string) => string }) => Policy }
let policy: Policy | undefined

/** The one place of the pages that hands HTML to the browser, and only to a frame that can do nothing with it. */
function trusted(html: string): unknown {
  const { trustedTypes } = globalThis as { trustedTypes?: Factory }
  if (!trustedTypes) return html
  policy ??= trustedTypes.createPolicy('countersign', { createHTML: (text) => text })
  return policy.createHTML(html)
}

/** Sandboxed with no permission at all: no script, no form, no link that leaves, an origin of its own. */
export function HtmlFrame({ html, title }: { html: string; title: string }) {
  const frame = useRef<HTMLIFrameElement>(null)
  useEffect(() => {
    const policyTag = `<meta http-equiv="Content-Security-Policy" content="${FRAME_POLICY}">`
    if (frame.current)
      frame.current.srcdoc = trusted(`<!doctype html>${policyTag}<meta name="color-scheme" content="light">${html}`) as string
  }, [html])
  return (
    <iframe
      ref={frame}
      sandbox=""
      referrerPolicy="no-referrer"
      title={visible(title) || t('Content from the agent')}
      className="h-64 w-full resize-y rounded-lg border border-line bg-white"
    />
  )
}
