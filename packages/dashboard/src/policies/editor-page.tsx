// The text of the policies, checked while it is typed (P67): each problem with its line and column. Saving makes a version and activates nothing.
import type { PolicyVersion } from '@countersign/sdk'
import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { useLocation, useSearchParams } from 'wouter'
import { api } from '../api.ts'
import { closedTo, useUser } from '../me.ts'
import { paths } from '../paths.ts'
import { useStepUp } from '../step-up.tsx'
import { t } from '../text/t.ts'
import { useTitle } from '../title.ts'
import { Button } from '../ui/button.tsx'
import { Card } from '../ui/card.tsx'
import { visible } from '../ui/marks.ts'
import { Refusal } from '../ui/refusal.tsx'
import { TextField } from '../ui/text-field.tsx'
import { useActive } from './active.ts'
import { PoliciesFrame, PolicyItem } from './frame.tsx'

type Fault = PolicyVersion['errors'][number]

export function EditorPage() {
  useTitle(t('Policy editor'))
  const [search] = useSearchParams()
  const from = search.get('from')
  const active = useActive()
  const other = useQuery({
    queryKey: ['policies', from],
    queryFn: () => api.call('GET /policies/:version', { params: { version: from as string } }),
    enabled: from !== null,
  })
  const base = from === null ? active : other
  return (
    <PoliciesFrame title={t('Policy editor')}>
      <Refusal error={base.error} />
      {base.isPending && <p className="text-muted">{t('Loading…')}</p>}
      {base.data && <Editor key={base.data.version} base={base.data} />}
    </PoliciesFrame>
  )
}

const TYPING_MS = 350

function Editor({ base }: { base: PolicyVersion }) {
  const me = useUser()
  const queries = useQueryClient()
  const [, go] = useLocation()
  const [text, setText] = useState(base.text)
  const [note, setNote] = useState('')
  const settled = useSettled(text, TYPING_MS)
  const stepUp = useStepUp()
  const checked = useQuery({
    queryKey: ['policies', 'check', settled],
    queryFn: () => api.call('POST /policies/check', { body: { text: settled } }),
    placeholderData: keepPreviousData,
    staleTime: Number.POSITIVE_INFINITY,
  })
  const save = useMutation({
    mutationFn: () => stepUp.run(() => api.call('POST /policies', { body: { text, note: note || null } })),
    onSuccess: async ({ version }) => {
      await queries.invalidateQueries({ queryKey: ['policies'] })
      go(paths.policyVersion(version))
    },
  })
  const area = useRef<HTMLTextAreaElement>(null)
  const { errors = [], warnings = [], policies = [] } = checked.data ?? {}
  const isChecking = settled !== text || checked.isFetching
  const reason =
    closedTo(me, 'policy.write', t('write policies')) ??
    (text === base.text
      ? t('Nothing has changed yet.')
      : errors.length > 0
        ? t('Mend the problems first.')
        : isChecking
          ? t('The text is being checked.')
          : undefined)
  const show = ({ line, column }: Fault) => {
    const at = offsetOf(text, line, column)
    const field = area.current
    if (!field) return
    field.focus()
    field.setSelectionRange(at, at + 1)
    // The field is as tall as its text, so what scrolls is the frame around it.
    const lines = text.split('\n').length
    field.closest('[data-frame]')?.scrollTo({ top: ((line - 4) / lines) * field.offsetHeight })
  }
  return (
    <div className="flex flex-col gap-4">
      <TextArea area={area} text={text} onText={setText} marked={errors} />
      <p role="status" className="text-sm text-muted">
        {isChecking ? t('Checking…') : said(errors.length, warnings.length, policies.length)}
      </p>
      <Refusal error={checked.error} />
      <Faults name={t('Problems')} faults={errors} onShow={show} />
      <Faults name={t('Warnings')} faults={warnings} onShow={show} />
      <div className="flex flex-wrap items-end gap-3">
        <div className="min-w-60 grow">
          <TextField
            label={t('What changed')}
            hint={t('For those who read the list of versions.')}
            value={note}
            maxLength={500}
            onChange={(event) => setNote(event.target.value)}
          />
        </div>
        <Button tone="primary" reason={reason} busy={save.isPending} onClick={() => save.mutate()}>
          {t('Save as a new version')}
        </Button>
      </div>
      <Refusal error={save.error} />
      {stepUp.dialog}
      {policies.length > 0 && (
        <Card title={t('In words')}>
          <ul className="-mx-5 -mb-5 divide-y divide-line border-t border-line">
            {policies.map((policy) => (
              <PolicyItem key={policy.id} policy={policy} />
            ))}
          </ul>
        </Card>
      )}
    </div>
  )
}

const said = (errors: number, warnings: number, policies: number): string => {
  if (errors > 0) return t('{errors} {errors, plural, one {problem} other {problems}}: it cannot be saved like this.', { errors })
  return warnings > 0
    ? t(
        'No problem in {policies, plural, one {one policy} other {{policies} policies}}, {warnings} {warnings, plural, one {warning} other {warnings}}.',
        { policies, warnings },
      )
    : t('No problem in {policies, plural, one {one policy} other {{policies} policies}}.', { policies })
}

type AreaProps = {
  area: React.RefObject<HTMLTextAreaElement | null>
  text: string
  onText: (text: string) => void
  marked: readonly Fault[]
}

/** The browser's own field, as tall as its text, with numbered lines beside it. */
function TextArea({ area, text, onText, marked }: AreaProps) {
  const lines = text.split('\n').length
  const wrong = new Set(marked.map(({ line }) => line))
  return (
    <div data-frame className="card max-h-[32rem] overflow-auto">
      <div className="grid min-w-max grid-cols-[auto_1fr] font-mono text-sm leading-5">
        <ol aria-hidden="true" className="select-none border-r border-line bg-sunken py-3 text-right text-muted">
          {Array.from({ length: lines }, (_, i) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a line is its number
            <li key={i} className={wrong.has(i + 1) ? 'bg-danger-soft px-3 font-semibold text-danger' : 'px-3'}>
              {i + 1}
            </li>
          ))}
        </ol>
        <textarea
          ref={area}
          aria-label={t('Text of the policies')}
          aria-invalid={marked.length > 0 || undefined}
          value={text}
          rows={lines}
          cols={Math.min(400, Math.max(80, ...text.split('\n').map(({ length }) => length + 2)))}
          wrap="off"
          spellCheck={false}
          autoCapitalize="off"
          autoComplete="off"
          onChange={(event) => onText(event.target.value)}
          className="resize-none overflow-hidden bg-raised px-3 py-3 outline-none"
        />
      </div>
    </div>
  )
}

function Faults({ name, faults, onShow }: { name: string; faults: readonly Fault[]; onShow: (fault: Fault) => void }) {
  if (faults.length === 0) return null
  return (
    <Card title={name}>
      <ul className="-my-1 flex flex-col gap-1">
        {faults.map((fault) => (
          <li key={`${fault.line}:${fault.column} ${fault.code}`} className="flex flex-wrap items-baseline gap-x-3">
            <Button small tone="quiet" className="-ml-3 tabular-nums" onClick={() => onShow(fault)}>
              {t('Line {line}, column {column}', { line: fault.line, column: fault.column })}
            </Button>
            <span className="min-w-0 wrap-anywhere">{visible(fault.message)}</span>
          </li>
        ))}
      </ul>
    </Card>
  )
}

/** Where a line and a column stand in the text. */
export function offsetOf(text: string, line: number, column: number): number {
  const before = text.split('\n').slice(0, line - 1)
  return before.reduce((sum, one) => sum + one.length + 1, 0) + column - 1
}

/** A value that has not changed for a moment. */
function useSettled<T>(value: T, ms: number): T {
  const [settled, setSettled] = useState(value)
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), ms)
    return () => clearTimeout(timer)
  }, [value, ms])
  return settled
}
