// Which keys there are, and the switch that turns them off. It names them and does nothing else.
import { useId } from 'react'
import { t } from '../text/t.ts'
import { Dialog } from '../ui/dialog.tsx'
import { turnKeys, useKeysOn } from './switch.ts'

export type Named = readonly [keys: string, what: string]

const INBOX: readonly Named[] = [
  ['j k', t('next and previous task')],
  ['Enter', t('open the task')],
  ['x', t('choose it, to act on several')],
  ['p', t('show what it is about beside the list')],
  ['/', t('search')],
]

const TASK: readonly Named[] = [
  ['a', t('accept what is proposed')],
  ['d', t('deny it')],
  ['e', t('edit it')],
  ['r', t('reply: answer instead, or go to the form')],
  ['c', t('claim it')],
  ['v', t('show the content as JSON')],
  ['Enter', t('send, in the bar that a key opened')],
]

type Props = { open: boolean; onClose: () => void; places: readonly Named[] }

export function KeysHelp({ open, onClose, places }: Props) {
  const on = useKeysOn()
  return (
    <Dialog open={open} onClose={onClose} title={t('Keys')}>
      <label className="flex items-start gap-3">
        <input
          type="checkbox"
          className="mt-1 size-4"
          checked={on}
          onChange={(event) => turnKeys(event.target.checked)}
          aria-describedby="keys-hint"
        />
        <span>
          {t('Keys of one letter act in this browser')}
          <span id="keys-hint" className="block text-sm text-muted">
            {t(
              'Never while you type, and none of them settles a task. Turn them off if you speak to your computer or hit keys that you do not mean to.',
            )}
          </span>
        </span>
      </label>
      {!on && <p className="font-medium">{t('They are off now: the keys below do nothing.')}</p>}
      <div className="flex flex-col gap-4">
        <Keys name={t('In the inbox')} keys={INBOX} />
        <Keys name={t('At a task, and at the chosen row of the inbox')} keys={TASK} />
        <Keys name={t('Everywhere')} keys={[...places, ['?', 'show these keys']]} />
      </div>
    </Dialog>
  )
}

function Keys({ name, keys }: { name: string; keys: readonly Named[] }) {
  const id = useId()
  return (
    <section aria-labelledby={id} className="flex flex-col gap-2">
      <h3 id={id} className="text-sm font-medium">
        {name}
      </h3>
      <dl className="grid grid-cols-[4.5rem_1fr] items-baseline gap-x-4 gap-y-1.5 sm:grid-cols-[4.5rem_1fr_4.5rem_1fr]">
        {keys.map(([typed, what]) => (
          <div key={`${typed} ${what}`} className="contents">
            <dt className="flex gap-1">
              {typed.split(' ').map((key) => (
                <kbd key={key} className="rounded-md border border-line-strong bg-sunken px-2 py-0.5 font-mono text-sm">
                  {key}
                </kbd>
              ))}
            </dt>
            <dd className="text-sm text-muted">{what}</dd>
          </div>
        ))}
      </dl>
    </section>
  )
}
