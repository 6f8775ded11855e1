// What the row is about on which one stands, beside the list: read only. It waits a moment before it reads, so that walking past a row does not count as having looked at it.
import { useQuery } from '@tanstack/react-query'
import { useEffect, useState, useSyncExternalStore } from 'react'
import { Link } from 'wouter'
import { Markdown } from '../content/markdown.tsx'
import { imageOf } from '../image.ts'
import { useLive } from '../live.tsx'
import { paths } from '../paths.ts'
import { ActionCard } from '../task/action-card.tsx'
import { Facts, isAnswerable } from '../task/facts.tsx'
import { readTask } from '../task/read.ts'
import { Votes } from '../task/votes.tsx'
import { t } from '../text/t.ts'
import { StatusBadge, TaskBadges } from '../ui/badge.tsx'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { AgentText, ContentCard } from '../ui/content.tsx'
import { Refusal } from '../ui/refusal.tsx'

const STAY_MS = 300
const WIDE = '(min-width: 1024px)'

/** Whether there is room for two columns. */
export const useIsWide = (): boolean =>
  useSyncExternalStore(
    (listener) => {
      const wide = matchMedia(WIDE)
      wide.addEventListener('change', listener)
      return () => wide.removeEventListener('change', listener)
    },
    () => matchMedia(WIDE).matches,
  )

export function Preview({ id, onClose }: { id: string; onClose: () => void }) {
  const stayed = useStayed(id)
  const { refetchInterval } = useLive()
  const read = useQuery({ queryKey: ['task', stayed], queryFn: () => readTask(stayed), enabled: stayed !== '', refetchInterval })
  const data = stayed === id ? read.data : undefined
  return (
    <section
      aria-label={t('Preview')}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
      tabIndex={0}
      className="sticky top-4 flex max-h-[calc(100dvh-2rem)] min-w-0 flex-col gap-4 overflow-y-auto rounded-xl"
    >
      {!data && !read.error && <p className="card p-5 text-muted">{t('Reading…')}</p>}
      <Refusal error={stayed === id ? read.error : null} />
      {data && (
        <>
          <div className="card flex flex-col gap-3 p-5">
            <div className="flex items-start justify-between gap-3">
              <h2 className="min-w-0 text-lg font-semibold">
                <AgentText text={data.task.task} />
              </h2>
              <Button small tone="quiet" className="-mt-1 -mr-3" aria-label={t('Close the preview')} onClick={onClose}>
                {t('Close')}
              </Button>
            </div>
            <div className="flex flex-wrap gap-2">
              <TaskBadges task={data.task} />
              <StatusBadge task={data.task} />
            </div>
            <Facts task={data.task} onTimeout={data.shown.get('on_timeout') ?? null} narrow />
            <Link
              href={paths.task(data.task.id)}
              className="self-start rounded-lg bg-accent px-4 py-1.5 font-medium text-accent-text hover:opacity-90"
            >
              {isAnswerable(data.task) ? t('Open and answer') : t('Open')}
            </Link>
          </div>
          {typeof data.task.description === 'string' && data.task.description !== '' && (
            <Card title={t('Background')}>
              <Markdown text={data.task.description} loadImage={(url) => imageOf(data.task.id, url)} />
            </Card>
          )}
          <ActionCard action={data.shown.get('action') ?? null} />
          {(data.shown.get('payload') ?? null) !== null && (
            <ContentCard
              title={t('What it is about')}
              value={data.shown.get('payload') ?? null}
              label={t('content')}
              shortcut="v"
            />
          )}
          <Votes task={data.task} />
        </>
      )}
    </section>
  )
}

/** The id once it has been the same for a moment. */
function useStayed(id: string): string {
  const [stayed, setStayed] = useState('')
  useEffect(() => {
    const timer = setTimeout(() => setStayed(id), STAY_MS)
    return () => clearTimeout(timer)
  }, [id])
  return stayed
}
