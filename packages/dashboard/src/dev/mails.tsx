// Captured mail, newest first, read as its recipient would: the words, and each link as the button that it is in the mail.
import { useState } from 'react'
import { useSearchParams } from 'wouter'
import { Empty } from '../jobs/frame.tsx'
import { rich } from '../text/rich.tsx'
import { t } from '../text/t.ts'
import { clock, useNow } from '../time.ts'
import { Button } from '../ui/button.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { type Desk, type Mail, useRaw } from './desk.ts'

export function Mails({ mail }: { mail: Desk['mail'] }) {
  const [search, setSearch] = useSearchParams()
  const now = useNow(30_000)
  const open = mail.mails.find(({ id }) => id === search.get('mail')) ?? mail.mails[0]
  if (!open)
    return (
      <Empty>
        {rich('No mail yet. Who is asked alone gets one; a question can also name somebody: {code}.', {
          code: <code>notify: ['email:you@example.com']</code>,
        })}
      </Empty>
    )
  return (
    <div className="grid min-w-0 gap-4 md:grid-cols-[minmax(0,18rem)_minmax(0,1fr)]">
      <ul aria-label={t('Mails')} className="flex flex-col gap-1">
        {mail.mails.map((one) => (
          <li key={one.id}>
            <button
              type="button"
              aria-current={one.id === open.id ? 'true' : undefined}
              onClick={() => setSearch({ show: 'mail', mail: one.id })}
              className="flex w-full min-w-0 flex-col rounded-lg border border-transparent px-3 py-2 text-left hover:bg-sunken aria-[current]:border-line-strong aria-[current]:bg-raised"
            >
              <span className="w-full truncate font-medium">{visible(one.subject)}</span>
              <span className="flex w-full justify-between gap-2 text-sm text-muted">
                <span className="truncate">{visible(one.to.join(', '))}</span>
                <span className="whitespace-nowrap">{clock(one.at, now)}</span>
              </span>
            </button>
          </li>
        ))}
      </ul>
      <Letter key={open.id} mail={open} />
    </div>
  )
}

function Letter({ mail }: { mail: Mail }) {
  const [source, setSource] = useState(false)
  const raw = useRaw(mail.id, source)
  return (
    <article aria-label={mail.subject} className="card flex min-w-0 flex-col gap-4 p-5">
      <header className="flex flex-wrap items-start justify-between gap-3">
        <div className="min-w-0">
          <h2 className="text-lg font-semibold wrap-anywhere">{visible(mail.subject)}</h2>
          <p className="text-sm text-muted wrap-anywhere">
            {t('from {from} to {to}', { from: visible(mail.from), to: visible(mail.to.join(', ')) })}
          </p>
        </div>
        <Button small aria-pressed={source} onClick={() => setSource(!source)}>
          {t('Source')}
        </Button>
      </header>
      {source ? (
        <>
          <Refusal error={raw.error} />
          <pre className="max-h-[32rem] overflow-auto rounded-lg bg-sunken p-3 font-mono text-xs whitespace-pre-wrap wrap-anywhere">
            {raw.data ? visible(raw.data.raw) : ''}
          </pre>
        </>
      ) : (
        <Body mail={mail} />
      )}
    </article>
  )
}

/** Links that follow each other stand in one row, as in the mail. */
function Body({ mail }: { mail: Mail }) {
  return (
    <div className="flex flex-wrap gap-x-2 gap-y-3">
      {mail.parts.map((part, i) =>
        'text' in part ? (
          // biome-ignore lint/suspicious/noArrayIndexKey: a mail that was sent does not change
          <p key={i} className="basis-full whitespace-pre-wrap wrap-anywhere">
            {visible(part.text)}
          </p>
        ) : (
          <a
            // biome-ignore lint/suspicious/noArrayIndexKey: see above
            key={i}
            href={part.url}
            target="_blank"
            rel="noreferrer"
            className="inline-flex min-h-10 items-center rounded-lg border border-line-strong bg-raised px-4 py-1.5 font-medium hover:bg-sunken"
          >
            {visible(part.label)}
          </a>
        ),
      )}
    </div>
  )
}
