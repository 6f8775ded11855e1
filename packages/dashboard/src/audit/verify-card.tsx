// How anybody checks the record without this server: the keys once, then a command that needs neither database nor network.

import { t } from '../text/t.ts'
import { Card } from '../ui/card.tsx'
import { Copyable } from '../ui/copy.tsx'

const COMMANDS = `countersign audit keys --out keys
countersign audit verify record.ndjson --keys keys/audit-keys.json`

export function VerifyCard() {
  return (
    <Card title={t('Verify')}>
      <p className="text-muted">
        {t(
          'Every event is chained to the one before; once a minute the head of the tree over all of them is signed. Keep the keys and a checkpoint where this server cannot change them: then nothing can be edited, dropped or reordered without showing.',
        )}
      </p>
      <Copyable label={t('the commands')} text={COMMANDS} block />
      <p className="text-sm">
        <a className="underline underline-offset-4" href="/.well-known/countersign/audit-keys.json">
          {t('Keys of checkpoints')}
        </a>
        {' · '}
        <a className="underline underline-offset-4" href="/.well-known/countersign/receipt-keys.json">
          {t('Keys of receipts')}
        </a>
      </p>
    </Card>
  )
}
