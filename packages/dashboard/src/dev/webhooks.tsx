// What was posted to the receiver of the desk: its headers, its body, and whether the signature holds.

import { Empty } from '../jobs/frame.tsx'
import { rich } from '../text/rich.tsx'
import { t } from '../text/t.ts'
import { exact, relative } from '../time.ts'
import { Badge } from '../ui/badge.tsx'
import { Copyable } from '../ui/copy.tsx'
import { visible } from '../ui/marks.ts'
import type { Desk, Webhook } from './desk.ts'

/** `now` by the server's clock, which may be ahead of the browser's. */
export function Webhooks({ webhooks, now }: { webhooks: Desk['webhooks']; now: number }) {
  return (
    <div className="flex flex-col gap-4">
      <p className="text-muted">
        {rich('An endpoint of this tenant posts every event here. To be told of one task, ask it with this {code}:', {
          code: <code>callback_url</code>,
        })}
      </p>
      <Copyable label={t('address')} text={`${webhooks.url}/callback`} />
      {webhooks.received.length === 0 && <Empty>{t('Nothing was posted yet.')}</Empty>}
      <ul aria-label={t('Webhooks')} className="flex flex-col gap-2">
        {webhooks.received.map((one) => (
          <li key={one.id} className="card min-w-0 px-4 py-3">
            <details>
              <summary className="flex cursor-pointer flex-wrap items-center gap-x-3 gap-y-1">
                <span className="font-medium wrap-anywhere">{visible(typeOf(one))}</span>
                {one.signature.holds ? (
                  <Badge tone="good">{t('Signature holds')}</Badge>
                ) : (
                  <Badge tone="bad">{t('Signature does not hold')}</Badge>
                )}
                <span className="text-sm text-muted">
                  {one.path} ·{' '}
                  <time dateTime={one.at} title={exact(one.at)}>
                    {relative(one.at, now)}
                  </time>
                </span>
              </summary>
              <Contents webhook={one} />
            </details>
          </li>
        ))}
      </ul>
    </div>
  )
}

function Contents({ webhook: { headers, body, signature } }: { webhook: Webhook }) {
  return (
    <div className="mt-3 flex min-w-0 flex-col gap-3">
      <p className="text-sm text-muted">
        {signature.holds ? t('Verified by the SDK, signed as {mode}.', { mode: signature.mode }) : visible(signature.why)}
      </p>
      <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-1 font-mono text-xs">
        {Object.entries(headers).map(([name, value]) => (
          <div key={name} className="contents">
            <dt className="text-muted">{name}</dt>
            <dd className="wrap-anywhere">{visible(value)}</dd>
          </div>
        ))}
      </dl>
      <pre className="overflow-x-auto rounded-lg bg-sunken p-3 font-mono text-xs whitespace-pre-wrap wrap-anywhere">
        {visible(pretty(body))}
      </pre>
    </div>
  )
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

const pretty = (body: string): string => {
  const value = parsed(body)
  return value === null ? body : JSON.stringify(value, null, 2)
}

/** The event, or what a callback of the compatible dialect is about. */
function typeOf({ body }: Webhook): string {
  const value = parsed(body) as { type?: unknown; status?: unknown } | null
  return typeof value?.type === 'string'
    ? value.type
    : typeof value?.status === 'string'
      ? t('task {status}', { status: value.status })
      : 'webhook'
}
