// Where a provider sends the browser back to (vault.md V30). It has no power of its own: it clears the address bar and hands on what came, with the cookie of the
// page that left from here.
import { useEffect, useRef, useState } from 'react'
import { t } from '../text/t.ts'
import { returnPage, type View } from './connect.ts'
import { Ended } from './ended.tsx'
import { Frame } from './frame.tsx'

const TAKEN = ['code', 'state', 'iss', 'error', 'error_description']

export function ReturnPage() {
  const [view, setView] = useState<View | null>(null)
  const [error, setError] = useState<unknown>(null)
  const sent = useRef(false)
  useEffect(() => {
    if (sent.current) return
    sent.current = true
    const query = Object.fromEntries([...new URLSearchParams(location.search)].filter(([name]) => TAKEN.includes(name)))
    history.replaceState(null, '', location.pathname)
    returnPage(query).then(setView, setError)
  }, [])
  if (error !== null) return <Ended error={error} />
  if (view !== null) return <Ended view={view} />
  return (
    <Frame title={t('Connecting')}>
      <p role="status" className="text-muted">
        {t('One moment…')}
      </p>
    </Frame>
  )
}
