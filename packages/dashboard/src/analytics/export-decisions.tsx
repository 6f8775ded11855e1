// Decisions as a file: for a spreadsheet, or line by line for training. The server sends what this person may see, masked as in lists.
import { useMutation } from '@tanstack/react-query'
import { api } from '../api.ts'
import { useUser } from '../me.ts'
import { t } from '../text/t.ts'
import { Button } from '../ui/button.tsx'
import { Refusal } from '../ui/refusal.tsx'
import { download } from './csv.ts'

async function fetchText(format: 'csv' | 'ndjson'): Promise<void> {
  const parts: string[] = []
  for await (const part of api.tasks.export(format === 'csv' ? { format } : { format, include: 'learning' })) parts.push(part)
  download(`decisions.${format}`, parts.join(''), format === 'csv' ? 'text/csv;charset=utf-8' : 'application/x-ndjson')
}

export function ExportDecisions() {
  const me = useUser()
  const fetching = useMutation({ mutationFn: fetchText })
  if (!Object.hasOwn(me.may, 'task.export')) return null
  return (
    <div className="flex flex-wrap items-center gap-2">
      <Refusal error={fetching.error} />
      <Button small busy={fetching.isPending} onClick={() => fetching.mutate('csv')}>
        {t('Export decisions (CSV)')}
      </Button>
      <Button small busy={fetching.isPending} onClick={() => fetching.mutate('ndjson')}>
        {t('Export for learning')}
      </Button>
    </div>
  )
}
